"""A disk that is nearly full, or on its way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.context import EngineSettings
from guardrun.signals.model import Point
from signal_curves import Judged, judge

T = 1_700_000_000.0
GIB = 2.0**30


def sample(free: float, t: float = 0.0, step: int = 1) -> Point:
    """Free space in GiB."""
    return Point("system", step, None, T + t, {"disk/free_bytes": free * GIB})


def phase(name: str) -> Point:
    return Point("phase", 1, 0, T, {}, text=name)


def told(judged: Judged) -> list[str]:
    return [s.severity for s in judged.history if s.id == "disk_full" and s.cleared_at is None]


def test_less_than_a_gibibyte_warns_and_a_quarter_is_one_to_act_on():
    judged = judge([sample(5), sample(0.9), sample(0.8), sample(0.2)])
    assert told(judged) == ["warn", "act"]
    assert judged.active[0].message == "Only 205 MiB are free on the disk of the run."
    assert judged.active[0].action == "warn"


def test_two_more_checkpoints_must_fit_and_one_that_does_not_is_one_to_act_on():
    saved = [phase("train"), sample(200), phase("checkpoint"), sample(180), phase("train"), sample(170)]
    assert told(judge([*saved, sample(80)])) == []
    judged = judge([*saved, sample(55)])
    assert told(judged) == ["warn"]
    assert judged.active[0].message == (
        "Only 55 GiB are free on the disk of the run; a checkpoint takes 30 GiB."
    )
    assert told(judge([*saved, sample(20)])) == ["act"]


def test_checkpoints_that_replace_each_other_and_a_full_disk_elsewhere_are_none():
    points = [phase("train"), sample(20)]
    for i in range(200):
        points += [phase("checkpoint"), sample(18, 60.0 * i, i), phase("train"), sample(20, 60.0 * i + 2, i)]
    assert told(judge(points)) == []


def test_it_clears_with_some_room_to_spare():
    judged = judge([sample(0.9), sample(1.1)])
    assert len(judged.active) == 1
    for _ in range(3):
        judged.feed(sample(1.3))
    assert judged.active == ()


def test_a_disk_that_will_be_full_before_the_end_is_told_hours_before():
    points = [sample(100 - 5 * i / 180, 20.0 * i, 1 + i) for i in range(180 * 9)]
    judged = judge(points, EngineSettings(total_steps=180 * 30))
    assert told(judged) == ["warn"]
    (signal,) = judged.active
    assert "The disk fills by " in signal.message
    assert "and the run needs" in signal.message
    assert told(judge(points, EngineSettings(total_steps=180 * 12))) == []


def test_a_training_that_died_of_it_says_so():
    end = Point("end", 7, None, T, {}, text="exception: OSError: [Errno 28] No space left on device: 'x.pt'")
    judged = judge([sample(5), end])
    assert [s.message for s in judged.active] == ['The training ended with "No space left on device".']


@given(st.lists(st.tuples(st.sampled_from(["system", "phase"]), st.floats(), st.floats()), max_size=80))
def test_it_never_raises(rows):
    judge(
        Point(kind, 1 + i, 0, t, {"disk/free_bytes": x}, text="checkpoint")
        for i, (kind, t, x) in enumerate(rows * 2)
    )
