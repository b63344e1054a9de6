"""The debiased average is TensorBoard's, and a NaN neither spreads nor disappears."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.series.smoothing import debiased_ema

VALUES = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf])), max_size=700
)


def by_hand(y: list[float], weight: float) -> list[float]:
    """TensorBoard's loop."""
    last, n, out = 0.0, 0, []
    for value in y:
        if not math.isfinite(value):
            out.append(value)
            continue
        last = last * weight + (1 - weight) * value
        n += 1
        out.append(last / (1 - weight**n) if weight < 1 else value)
    return out


@given(VALUES, st.sampled_from([0.0, 0.3, 0.6, 0.9, 0.99, 0.999]))
def test_the_average_equals_the_naive_loop(y: list[float], weight: float) -> None:
    expected = np.array(by_hand(y, weight))

    found = debiased_ema(np.array(y, float), weight)

    assert found == pytest.approx(expected, rel=1e-9, abs=1e-6, nan_ok=True)


def test_a_nan_stays_and_its_neighbours_are_averaged_as_if_it_were_not_there() -> None:
    with_gap = debiased_ema(np.array([1.0, np.nan, 3.0]), 0.5)

    assert math.isnan(with_gap[1])
    assert with_gap[[0, 2]].tolist() == debiased_ema(np.array([1.0, 3.0]), 0.5).tolist()


def test_a_constant_curve_is_left_alone_from_its_first_value_on() -> None:
    assert debiased_ema(np.full(1000, 0.7), 0.999) == pytest.approx(np.full(1000, 0.7))


@pytest.mark.parametrize("weight", [1.0, -0.1, math.nan])
def test_a_weight_outside_zero_to_one_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight must be in"):
        debiased_ema(np.ones(3), weight)


@pytest.mark.parametrize("weight", [0.5, 0.99, 0.9999])
def test_a_curve_of_many_blocks_has_no_seams_in_its_average(weight: float) -> None:
    y = np.random.default_rng(1).normal(size=10_000)
    y[123] = 1e12

    assert debiased_ema(y, weight) == pytest.approx(
        np.array(by_hand(y.tolist(), weight)), rel=1e-9, abs=1e-12
    )
