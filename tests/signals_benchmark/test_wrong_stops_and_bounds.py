"""When a stop counts as wrong, and how sure a count is."""

from __future__ import annotations

import math

import pytest
from benchmarks.signal_judging.binomial import upper_bound
from benchmarks.signal_judging.bulk import Stop, Verdicts, by_part, later_gain, tally
from hypothesis import given
from hypothesis import strategies as st

NAN = math.nan


@pytest.mark.parametrize(
    ("val", "at", "gain"),
    [
        ([2.0, 1.0, 0.98], 1, 0.02),
        ([2.0, 1.0, 1.5], 1, -0.5),
        ([-1.0, -1.5], 0, 0.5),
        ([0.0, 0.0], 0, 0.0),
        ([0.0, -1.0], 0, math.inf),
        ([NAN, 1.0], 0, math.inf),
        ([1.0, NAN], 0, -math.inf),
        ([1.0], 0, -math.inf),
        ([NAN, NAN], 0, -math.inf),
    ],
)
def test_the_later_gain_is_a_share_of_the_best_so_far(val: list[float], at: int, gain: float) -> None:
    assert later_gain(val, at) == pytest.approx(gain)


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=30), st.data())
def test_stopping_later_never_leaves_more_to_gain(val: list[float], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(val) - 2))

    assert max(later_gain(val, at + 1), 0.0) <= max(later_gain(val, at), 0.0) + 1e-9


def test_a_gain_of_one_percent_makes_a_stop_wrong() -> None:
    assert Stop(3, 0.0101, "overfit").wrong
    assert not Stop(3, 0.0099, "overfit").wrong


def test_a_tally_counts_stops_wrong_ones_and_the_evaluations_after_them() -> None:
    judged = [
        Verdicts("f", "a", "ogbg", 10, {"x": Stop(4, 0.5, "x")}),
        Verdicts("f", "b", "imagenet", 10, {"x": Stop(9, -0.1, "x")}),
        Verdicts("f", "c", "ogbg", 20, {}),
    ]

    found = tally(judged, "x")

    assert (found.curves, found.fired, found.wrong, found.saved) == (3, 2, 1, 5 / 40)
    assert {title: len(part) for title, part in by_part(judged).items()} == {"tuned on": 1, "held out": 2}


def test_the_bound_of_none_wrong_has_a_closed_form() -> None:
    """P(0 of n) = (1 - p)^n = 5 %: the rule of three, exactly."""
    assert upper_bound(0, 246) == pytest.approx(1 - 0.05 ** (1 / 246))


def test_the_bound_of_two_in_ten_is_that_of_the_tables() -> None:
    """Clopper-Pearson, one-sided 95 %, 2 of 10: 0.5069 (Beta(3, 8) at 0.95)."""
    assert upper_bound(2, 10) == pytest.approx(0.5069, abs=5e-5)


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_bound_lies_above_the_share_and_grows_with_the_count(wrong: int, total: int) -> None:
    wrong = min(wrong, total)

    bound = upper_bound(wrong, total)

    assert wrong / total <= bound <= 1.0
    assert wrong == total or bound <= upper_bound(wrong + 1, total)


def test_nothing_tried_proves_nothing() -> None:
    assert upper_bound(0, 0) == 1.0
