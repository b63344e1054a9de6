"""Memory that is nearly full, of a GPU or of the host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.model import Point
from signal_curves import Judged, judge, raised

GIB = 2.0**30
NAMES = {
    "host": ("memory/used_bytes", "memory/total_bytes"),
    "gpu3": ("gpu3/memory_bytes", "gpu3/memory_total_bytes"),
}


def samples(shares: list[float], name: str = "gpu3", total: float = 80 * GIB) -> list[Point]:
    used, whole = NAMES[name]
    return [
        Point("system", i, None, 1000.0 + 2 * i, {used: s * total, whole: total})
        for i, s in enumerate(shares)
    ]


def told(judged: Judged) -> list:
    return raised(judged, "memory_near_limit", "warn")


@pytest.mark.parametrize(("name", "words"), [("gpu3", "GPU 3"), ("host", "the host")])
def test_three_samples_above_95_percent_are_told_with_the_place(name, words):
    (signal,) = told(judge(samples([0.8, 0.96, 0.97, 0.99], name)))
    assert f"of the memory of {words} are in use (99.0%)" in signal.message
    assert (signal.first_step, signal.raised_at, signal.action) == (1, 3, "warn")


def test_a_peak_of_two_samples_and_a_level_below_are_none():
    assert told(judge(samples([0.8, 0.99, 0.99, 0.8, 0.94, 0.94, 0.94, 0.94]))) == []


def test_it_clears_only_below_93_percent_so_that_an_edge_is_one_signal():
    judged = judge(samples([0.96] * 5 + [0.94, 0.96, 0.94] * 5))
    assert len(told(judged)) == 1
    assert len(judged.active) == 1
    judged.feed(samples([0.9])[0])
    assert judged.active == ()


def test_the_fuller_of_two_gpus_is_named():
    values = {f"gpu{k}/memory_total_bytes": 80 * GIB for k in (0, 1)}
    values |= {"gpu0/memory_bytes": 77 * GIB, "gpu1/memory_bytes": 79 * GIB}
    judged = judge(Point("system", i, None, 1000.0 + i, values) for i in range(3))
    assert [s.evidence["memory"] for s in told(judged)] == ["gpu1"]


def test_what_the_training_itself_reserved_is_told_beside_what_is_used():
    own = Point("metrics", 1, 0, 999.0, {"gpu/memory_reserved_bytes": 20 * GIB})
    (signal,) = told(judge([own, *samples([0.97] * 3)]))
    assert signal.evidence["reserved_bytes"] == 20 * GIB


@given(st.lists(st.tuples(st.floats(), st.floats())))
def test_it_never_raises(rows):
    for name, (used, whole) in NAMES.items():
        judge(Point("system", i, None, 1.0, {used: a, whole: b}) for i, (a, b) in enumerate(rows * 3))
        assert name
