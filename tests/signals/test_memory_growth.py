"""Leaks that fill the memory before the run is over; growth that ends by itself is none."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.context import EngineSettings
from guardrun.signals.model import Point
from signal_curves import Judged, judge, raised

T = 1_700_000_000.0
GIB = 2.0**30
HOUR = 3600.0
Curve = Callable[[float], float]


def run(
    hours: float, used: Curve, *, rss: Curve | None = None, every: float = 20.0, name: str = "host",
    total: float = 64.0, seed: int = 0,
) -> Iterator[Point]:  # fmt: skip
    """Samples of a training; curves give GiB by hours."""
    rng = random.Random(seed)
    t = 0.0
    while t < hours * HOUR:
        t += every
        values: dict[str, float] = {}
        level = used(t / HOUR) * GIB * (1 + 0.003 * rng.gauss(0, 1))
        if name == "host":
            values = {"memory/used_bytes": level, "memory/total_bytes": total * GIB}
            values["tree/rss_bytes"] = (rss or used)(t / HOUR) * GIB
        else:
            values = {f"{name}/memory_bytes": level, f"{name}/memory_total_bytes": total * GIB}
        yield Point("system", 1 + int(1000 * t / HOUR), None, T + t, values)


def told(judged: Judged) -> list:
    return raised(judged, "memory_growth", "warn")


def over(hours: float) -> EngineSettings:
    return EngineSettings(total_steps=int(1000 * hours))


@pytest.mark.parametrize(("name", "where"), [("host", "the host"), ("gpu0", "GPU 0")])
def test_a_leak_that_fills_the_memory_before_the_end_is_told_hours_before(name, where):
    (signal,) = told(judge(run(8, lambda h: 10 + 4 * h, name=name), over(24)))
    assert signal.message.startswith(f"Memory of {where} grows by ")
    assert "and the run needs" in signal.message
    assert signal.raised_at < 5500
    assert signal.evidence["bytes_per_hour"] == pytest.approx(4 * GIB, rel=0.1)
    assert 7 * HOUR < signal.evidence["seconds_left"] < 10 * HOUR


def test_a_leak_that_the_run_outlives_is_not_worth_a_word():
    assert told(judge(run(8, lambda h: 10 + 4 * h), over(10))) == []


@pytest.mark.parametrize(
    "used",
    [
        lambda h: 12.0,
        lambda h: 10 + 30 * min(h, 0.5),
        lambda h: 10 + 40 * (1 - math.exp(-h)),
        lambda h: 10 + 12 * (h % 1.0),
        lambda h: 10 + 6 * math.log1p(4 * h),
        lambda h: 10.0 if h < 1 else 40.0,
        lambda h: 40 - 4 * h,
    ],
    ids=[
        "flat",
        "to a plateau",
        "saturating",
        "saw-tooth of epochs",
        "slower and slower",
        "one step",
        "falling",
    ],
)
@pytest.mark.parametrize("name", ["host", "gpu1"])
def test_growth_that_ends_by_itself_is_none(used, name):
    assert told(judge(run(8, used, name=name), over(48))) == []


def test_a_leak_under_a_saw_tooth_is_seen_by_its_base():
    assert len(told(judge(run(8, lambda h: 10 + 5 * h + 8 * (4 * h % 1.0)), over(48)))) == 1


def test_a_leak_that_begins_late_is_seen_in_the_newer_half():
    (signal,) = told(judge(run(11, lambda h: 10 + 6 * max(0.0, h - 4)), over(48)))
    assert 6000 < signal.raised_at < 10000


def test_on_the_host_the_trainings_own_processes_must_grow():
    """Others' programs, and files that are mapped but can be given back at any time."""
    others = run(8, lambda h: 10 + 4 * h, rss=lambda h: 6.0)
    mapped = run(8, lambda h: 10.0, rss=lambda h: 6 + 4 * h)
    assert told(judge(others, over(24))) == []
    assert told(judge(mapped, over(24))) == []


def test_a_cache_that_fills_in_the_first_of_several_epochs_is_no_leak_until_memory_is_short():
    first = Point("phase", 0, 0, T, {"total_epochs": 10.0}, text="train")
    assert told(judge([first, *run(8, lambda h: 10 + 4 * h)], over(24))) == []
    (signal,) = told(judge([first, *run(11, lambda h: 10 + 4.5 * h)], over(24)))
    assert signal.evidence["value"] > 0.7 * 64 * GIB


def test_where_the_length_is_not_known_a_third_of_what_was_left_must_be_gone():
    assert len(told(judge(run(8, lambda h: 10 + 4 * h)))) == 1
    assert told(judge(run(8, lambda h: 10 + 2 * h))) == []


def test_it_clears_when_the_growth_stops():
    judged = judge(run(30, lambda h: 10 + 4 * min(h, 6)), over(60))
    assert len(told(judged)) == 1
    assert judged.active == ()


def test_memory_that_is_nearly_full_takes_the_place_of_memory_that_grows():
    judged = judge(run(14, lambda h: min(63.5, 10 + 4 * h)), over(24))
    assert [s.id for s in judged.active] == ["memory_near_limit"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(-8, 8), st.sampled_from([2.0, 20.0, 60.0]))
def test_no_prefix_of_a_steady_run_grows_at_any_scale(seed, power, every):
    curve = run(2, lambda h: 20 * 2.0**power, total=64 * 2.0**power, seed=seed, every=every)
    assert told(judge(curve, over(100))) == []


@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats()), max_size=40))
def test_it_never_raises(rows):
    judge(
        Point("system", 1 + i, None, t, {"gpu0/memory_bytes": x, "gpu0/memory_total_bytes": y,
              "memory/used_bytes": y, "memory/total_bytes": x, "tree/rss_bytes": x})
        for i, (t, x, y) in enumerate(rows * 3)
    )  # fmt: skip
