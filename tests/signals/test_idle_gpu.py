"""GPUs that a training pays for and does not use."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.model import Point
from signal_curves import Judged, judge, raised

T = 1_700_000_000.0
GIB = 2.0**30


def minutes(
    length: float, busy: list[float], *, begin: float = 0.0, used: float = 20 * GIB, share: float = 0.1,
    every: float = 2.0, phase: str = "train",
) -> Iterator[Point]:  # fmt: skip
    """A stretch of samples with one training step each; ``busy`` are percentages by GPU."""
    rng = random.Random(int(begin))
    yield Point("phase", 0, 0, T + 60 * begin, {}, text=phase)
    t = T + 60 * begin
    while t < T + 60 * (begin + length):
        t += every
        step = int(t - T)
        if phase == "train":
            yield Point("metrics", step, 0, t, {"step_time": 1.0, "data_time": share})
        values = {
            f"gpu{k}/utilization": min(100.0, max(0.0, b + rng.gauss(0, 5))) for k, b in enumerate(busy)
        }
        values |= {f"gpu{k}/memory_bytes": used for k in range(len(busy))}
        values |= {f"gpu{k}/memory_total_bytes": 80 * GIB for k in range(len(busy))}
        yield Point("system", step, None, t, values)


def before(gpus: int = 1) -> Point:
    """The first sample, from before the training took memory."""
    values = {f"gpu{k}/utilization": 0.0 for k in range(gpus)}
    return Point("system", 0, None, T - 1, {**values, **{f"gpu{k}/memory_bytes": GIB for k in range(gpus)}})


def told(judged: Judged) -> list:
    return raised(judged, "idle_gpu", "warn")


def test_a_gpu_that_waits_for_data_is_told_with_the_share_of_waiting():
    (signal,) = told(judge([before(), *minutes(8, [12.0], share=0.7)]))
    assert "(gpu0) were busy for only 12 % of the last 5 minutes of training" in signal.message
    assert "70% of the time goes into waiting for data" in signal.message
    assert "more workers" in signal.advice


def test_a_loader_that_is_not_the_cause_is_not_blamed():
    (signal,) = told(judge([before(), *minutes(8, [12.0], share=0.02)]))
    assert "larger batch" in signal.advice


def test_a_busy_gpu_a_short_pause_and_one_that_is_slow_to_start_are_none():
    assert told(judge([before(), *minutes(30, [75.0])])) == []
    paused = [*minutes(8, [90.0]), *minutes(2, [0.0], begin=8), *minutes(8, [90.0], begin=10)]
    assert told(judge([before(), *paused])) == []


def test_evaluation_and_checkpoints_do_not_count():
    points = [before(), *minutes(8, [80.0])]
    for phase in ("eval", "checkpoint", "setup"):
        points += minutes(10, [0.0], begin=10, phase=phase)
        assert told(judge(points)) == []


def test_gpus_of_others_on_the_same_host_do_not_count():
    """The idle ones that the training left alone, and a machine whose GPUs it does not use at all."""
    points = [before(2), *minutes(8, [90.0, 0.0])]
    for point in points[1:]:
        if point.kind == "system":
            point.values["gpu1/memory_bytes"] = GIB
    assert told(judge(points)) == []
    assert told(judge([before(), *minutes(8, [0.0], used=GIB)])) == []


def test_it_clears_when_the_gpu_works_again():
    judged = judge([before(), *minutes(8, [10.0])])
    assert len(told(judged)) == 1
    for point in minutes(8, [80.0], begin=8):
        judged.feed(point)
    assert judged.active == ()


@given(st.lists(st.tuples(st.sampled_from(["system", "metrics", "phase"]), st.floats(), st.floats())))
def test_it_never_raises(rows):
    judge(
        Point(kind, i, 0, t, {"gpu0/utilization": x, "gpu0/memory_bytes": x, "step_time": x, "data_time": t},
              text="train")
        for i, (kind, t, x) in enumerate(rows * 2)
    )  # fmt: skip
