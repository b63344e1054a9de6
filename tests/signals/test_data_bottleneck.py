"""Waiting for data for more than half of the time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.model import Point
from signal_curves import Judged, judge, raised

T = 1_700_000_000.0


def steps(shares: list[float], *, took: float = 1.0, first: int = 0) -> list[Point]:
    return [
        Point(
            "metrics",
            first + i + 1,
            0,
            T + (first + i) * took,
            {"step_time": took, "data_time": took * share},
        )
        for i, share in enumerate(shares)
    ]


def told(judged: Judged) -> list:
    return raised(judged, "data_bottleneck", "warn")


def test_a_loader_that_takes_two_thirds_of_the_time_is_named_with_what_it_costs():
    (signal,) = told(judge(steps([0.67] * 60)))
    assert signal.message == (
        "Since step 1 67% of the time went into waiting for data (0.67 s of 1 s a step)."
    )
    assert "3.0 times as fast" in signal.advice
    assert signal.evidence["value"] == 0.67
    assert signal.raised_at == 20


def test_a_third_is_nothing_to_say_nor_is_a_slow_first_epoch_or_a_hiccup():
    for shares in ([0.33] * 300, [*[0.7] * 12, *[0.1] * 200], [*[0.1] * 100, *[0.9] * 24, *[0.1] * 100]):
        assert told(judge(steps(shares))) == []


def test_it_begins_late_and_ends_when_the_loader_is_quick_again():
    judged = judge(steps([*[0.2] * 200, *[0.8] * 80]))
    (signal,) = told(judged)
    assert 225 <= signal.raised_at <= 227
    for point in steps([0.2] * 80, first=280):
        judged.feed(point)
    assert judged.active == ()


def test_what_has_cost_less_than_ten_seconds_is_not_worth_a_word():
    assert told(judge(steps([0.8] * 60, took=0.001))) == []
    (late,) = told(judge(steps([0.8] * 11_000, took=0.001)))
    assert late.raised_at == pytest.approx(10_000, abs=60)
    assert len(told(judge(steps([0.8] * 60, took=0.25)))) == 1


def test_logs_without_a_clock_count_steps_times_their_duration():
    points = [Point("metrics", 50 * (i + 1), None, 0.0, p.values) for i, p in enumerate(steps([0.6] * 30))]
    assert len(told(judge(points))) == 1


def test_a_resume_forgets_the_past():
    judged = judge(steps([0.8] * 100))
    judged.resumed()
    for point in steps([0.1] * 100, first=100):
        judged.feed(point)
    assert len(told(judged)) == 1
    assert judged.active == ()


@settings(deadline=None, max_examples=30)
@given(st.integers(-20, 20), st.integers(0, 2**32))
def test_only_the_share_matters_not_the_scale(power, seed):
    rng = random.Random(seed)
    shares = [rng.uniform(0.3, 0.8) for _ in range(150)]
    bare = [Point("metrics", 10**9 * i, None, 0.0, p.values) for i, p in enumerate(steps(shares))]
    scaled = [
        Point("metrics", p.step, None, 0.0, {k: v * 2.0**power for k, v in p.values.items()}) for p in bare
    ]
    assert [s.raised_at for s in told(judge(bare))] == [s.raised_at for s in told(judge(scaled))]


@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats()), max_size=80))
def test_it_never_raises(rows):
    judge(
        Point("metrics", i, 0, t, {"step_time": took, "data_time": waited})
        for i, (t, took, waited) in enumerate(rows * 2)
    )
