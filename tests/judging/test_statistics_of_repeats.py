"""Means, intervals and tests equal scipy's and hand-made numbers, and refuse what cannot be told."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from guardrun.errors import UserError
from guardrun.judging.statistics import (
    holm,
    paired_difference,
    small_sample_correction,
    summary,
    unpaired_difference,
)
from later import Later

stats = Later("scipy.stats")

values = some.lists(some.floats(-1e6, 1e6), min_size=2, max_size=12)


def test_a_summary_by_hand() -> None:
    """Mean 4, standard deviation 2, t(0.975, 2) = 4.302653: half width 4.302653 * 2 / sqrt(3)."""
    found = summary([2.0, 4.0, 6.0])

    assert (found.n, found.mean, found.std) == (3, 4.0, 2.0)
    assert found.low == pytest.approx(4 - 4.968275, abs=1e-5)
    assert found.high == pytest.approx(4 + 4.968275, abs=1e-5)


def test_one_value_has_neither_spread_nor_interval() -> None:
    assert summary([0.5]) == (found := summary([0.5]))
    assert (found.std, found.low, found.high) == (None, None, None)


@given(values)
@settings(max_examples=60, deadline=None)
def test_an_interval_is_scipy_s(sample: list[float]) -> None:
    found = summary(sample)
    assert found.low is not None
    assert found.high is not None
    error = stats.sem(sample)
    low, high = (
        stats.t.interval(0.95, len(sample) - 1, np.mean(sample), error) if error else (found.mean,) * 2
    )

    assert found.low == pytest.approx(low, rel=1e-6, abs=1e-3)
    assert found.high == pytest.approx(high, rel=1e-6, abs=1e-3)
    assert found.low <= found.mean <= found.high


@given(some.lists(some.tuples(some.floats(-1e3, 1e3), some.floats(-1e3, 1e3)), min_size=2, max_size=10))
@settings(max_examples=60, deadline=None)
def test_a_paired_test_is_a_one_sample_test_of_the_differences(pairs: list[tuple[float, float]]) -> None:
    a, b = [one for one, _ in pairs], [other for _, other in pairs]
    found = paired_difference(a, b)
    if found.constant:
        assert found.p is found.low is found.effect is None
        assert not found.shown
        return
    apart = stats.ttest_1samp(np.subtract(a, b), 0)

    assert found.mean == pytest.approx(np.mean(np.subtract(a, b)), abs=1e-9)
    assert found.p == pytest.approx(apart.pvalue, nan_ok=True)
    assert found.shown == (apart.pvalue < 0.05)


@given(values, values)
@settings(max_examples=60, deadline=None)
def test_swapping_the_sides_swaps_the_sign(a: list[float], b: list[float]) -> None:
    there, back = unpaired_difference(a, b), unpaired_difference(b, a)

    assert there.mean == -back.mean
    assert there.shown == back.shown
    if there.low is not None:
        assert back.high is not None
        assert there.low == pytest.approx(-back.high, rel=1e-9, abs=1e-9)


def test_welch_by_a_known_example() -> None:
    a, b = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0]
    found = unpaired_difference(a, b)

    assert found.test == "Welch's t-test"
    assert found.n == 6
    assert found.p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert found.mean == pytest.approx(np.mean(a) - np.mean(b))


def test_the_effect_size_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, standard deviation 1, J(2) = 0.5642."""
    found = paired_difference([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])

    assert found.effect == pytest.approx(2 * math.gamma(1) / (math.sqrt(1) * math.gamma(0.5)))
    assert small_sample_correction(50) == pytest.approx(1 - 3 / (4 * 50 - 1), abs=1e-4)


@pytest.mark.parametrize("difference", [paired_difference, unpaired_difference])
def test_one_run_a_side_shows_nothing(difference) -> None:
    found = difference([0.9], [0.1])

    assert (found.n, found.p, found.low, found.shown) == (1, None, None, False)
    assert found.mean == pytest.approx(0.8)


@pytest.mark.parametrize("difference", [paired_difference, unpaired_difference])
def test_values_without_any_spread_are_not_tested(difference) -> None:
    """Three seeds that make no difference are one run."""
    found = difference([0.9, 0.9, 0.9], [0.8, 0.8, 0.8])

    assert found.constant
    assert not found.shown


def test_many_comparisons_need_more_evidence_each() -> None:
    assert holm([0.04]) == [0.04]
    assert holm([0.04, 0.04]) == [0.08, 0.08]
    assert holm([]) == []


@given(some.lists(some.floats(0, 1), max_size=12))
@settings(max_examples=60, deadline=None)
def test_corrected_p_values_keep_their_order_and_never_shrink(p: list[float]) -> None:
    corrected = holm(p)

    assert all(before <= after <= 1 for before, after in zip(p, corrected, strict=True))
    order = sorted(range(len(p)), key=lambda i: p[i])
    assert [corrected[i] for i in order] == sorted(corrected)


def test_numbers_that_are_none_are_refused() -> None:
    for bad in ([], [1.0, math.nan], [math.inf]):
        with pytest.raises(ValueError, match="value"):
            summary(bad)


def test_a_missing_scipy_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)

    assert summary([1.0]).mean == 1.0
    with pytest.raises(UserError, match="scipy") as raised:
        summary([1.0, 2.0])
    assert "guardrun[stats]" in raised.value.hint
