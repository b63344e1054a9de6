"""Running medians equal those computed at once; trends are scored as by the textbook."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.series.robust import NORMAL_MAD, RunningMedian, mann_kendall_z, median, scaled_mad
from guardrun.signals.drift import MOST_SAMPLES, Drift

FINITE = st.floats(-1e9, 1e9)


@given(st.lists(FINITE, min_size=1, max_size=60), st.integers(1, 12))
def test_a_running_median_is_the_median_of_the_last_values(values: list[float], window: int):
    running = RunningMedian(window)
    for i, value in enumerate(values):
        running.push(value)
        recent = values[max(0, i + 1 - window) : i + 1]
        assert running.median == pytest.approx(statistics.median(recent), rel=1e-12, abs=1e-9)
        assert running.largest == max(recent)
        assert len(running) == len(recent)
        assert running.scaled_mad() == scaled_mad(recent)


def test_the_median_of_nothing_is_an_error():
    for empty in (lambda: median([]), lambda: RunningMedian(3).median):
        with pytest.raises(ValueError, match="nothing"):
            empty()


def test_huge_values_do_not_overflow_a_median():
    assert median([1.7e308, 1.7e308]) == 1.7e308


def test_mad_estimates_the_standard_deviation_despite_an_outlier():
    assert scaled_mad([1.0, 2.0, 3.0, 4.0, 1e9]) == NORMAL_MAD
    assert scaled_mad([5.0]) == 0.0


def test_mann_kendall_matches_a_worked_example():
    """Ten strictly rising values: S = 45, var = 10·9·25/18 = 125, z = 44/sqrt(125)."""
    drift = Drift()
    for value in range(10):
        drift.take(float(value))
    assert drift.sign_sum == 45
    assert mann_kendall_z(drift.sign_sum, drift.sampled) == pytest.approx(44 / 125**0.5)
    assert mann_kendall_z(-45, 10) == pytest.approx(-44 / 125**0.5)
    assert mann_kendall_z(1, 2) == 0.0


def test_a_long_drift_is_thinned_out_and_keeps_its_direction_and_largest_rise():
    drift = Drift()
    for i in range(5000):
        drift.take(i * 0.01 + (1.0 if i == 2500 else 0.0))
    assert drift.count == 5000
    assert drift.sampled <= MOST_SAMPLES
    assert mann_kendall_z(drift.sign_sum, drift.sampled) > 5
    assert drift.largest_rise == pytest.approx(1.01)
