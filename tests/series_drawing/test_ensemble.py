"""Several seeds' curves as mean and spread: aligned, counted, and nothing dropped in silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.series.ensemble import ensemble

nan, inf = math.nan, math.inf
NUMBER = st.one_of(st.floats(), st.floats(-3, 3), st.sampled_from([nan, inf, 1.7e308, -1.7e308, 5e-324]))
CURVE = st.lists(st.tuples(st.one_of(st.integers(0, 20).map(float), NUMBER), NUMBER), max_size=15)


def E(*curves):
    return ensemble([(np.array(x, float), np.array(y, float)) for x, y in curves])


def test_runs_at_the_same_steps_are_averaged_point_by_point() -> None:
    found = E(([1, 2, 3], [1, 2, 3]), ([1, 2, 3], [3, 2, 1]), ([1, 2, 3], [2, 2, 5]))

    assert found.x.tolist() == [1, 2, 3]
    assert found.mean.tolist() == pytest.approx([2, 2, 3])
    assert found.std.tolist() == pytest.approx([1, 0, 2])
    assert found.low.tolist() == pytest.approx([1, 2, 1])
    assert found.high.tolist() == pytest.approx([3, 2, 5])
    assert found.count.tolist() == [3, 3, 3]
    assert found.first_bad == (None, None, None)


def test_between_two_points_a_run_is_on_their_line_and_beyond_its_ends_it_is_not() -> None:
    found = E(([0, 10], [0, 10]), ([0, 4, 20], [0, 0, 0]))

    assert found.x.tolist() == [0, 4, 10, 20]
    assert found.mean.tolist() == pytest.approx([0, 2, 5, 0])
    assert found.count.tolist() == [2, 2, 2, 1]
    assert found.std[-1] == 0


def test_a_nan_of_one_seed_lowers_the_count_and_is_told_not_dropped() -> None:
    found = E(([1, 2, 3, 4], [1, nan, 1, 1]), ([1, 2, 3, 4], [3, 3, 3, inf]))

    assert found.mean.tolist() == pytest.approx([2, 3, 2, 1])
    assert found.count.tolist() == [2, 1, 2, 1]
    assert found.first_bad == (2.0, 4.0)


def test_where_every_seed_is_nan_the_mean_is_too() -> None:
    found = E(([1, 2, 3], [1, 1, nan]), ([1, 2, 3], [1, 1, nan]))

    assert found.x.tolist() == [1, 2, 3]
    assert math.isnan(found.mean[-1])
    assert found.count.tolist() == [2, 2, 0]


def test_of_a_repeated_step_the_newest_attempt_counts() -> None:
    found = E(([1, 2, 3, 2, 3], [9, 9, 9, 1, 1]))

    assert found.mean.tolist() == [9, 1, 1]


def test_without_runs_and_without_points_there_is_nothing() -> None:
    assert ensemble([]).x.size == 0
    assert E(([], [])).first_bad == (None,)
    assert E(([], []), ([1], [2])).mean.tolist() == [2]


def test_runs_on_axes_of_their_own_are_averaged_in_equal_parts() -> None:
    """As on a time axis: no two runs have a point at the same second."""
    noise = np.random.default_rng(0)
    runs = []
    for _ in range(3):
        x = np.sort(noise.uniform(0, 1000, 20_000))
        runs.append((x, 5 - x / 500 + noise.normal(0, 0.1, x.size)))

    found = ensemble(runs)

    assert 1000 < found.x.size <= 2000
    assert (found.count == 3).all()
    assert np.abs(found.mean - (5 - found.x / 500)).max() < 0.15
    assert (np.diff(found.x) > 0).all()


def test_a_nan_among_many_points_is_still_told_in_its_part() -> None:
    noise = np.random.default_rng(0)
    runs = [(np.sort(noise.uniform(0, 1000, 20_000)), np.ones(20_000)) for _ in range(2)]
    runs[1][1][10_000] = nan

    found = ensemble(runs)

    assert found.first_bad == (None, runs[1][0][10_000])
    bad = found.x[found.count == 1]
    assert bad.size >= 1
    assert abs(float(bad.mean()) - runs[1][0][10_000]) < 2


@given(st.lists(CURVE, max_size=4))
def test_any_curves_have_finite_means_within_their_values(curves: list[list[tuple[float, float]]]) -> None:
    arrays = [(np.array([p[0] for p in c], float), np.array([p[1] for p in c], float)) for c in curves]

    with np.errstate(all="raise", under="ignore"):
        found = ensemble(arrays)

    assert (np.diff(found.x) > 0).all()
    some = found.count > 0
    assert np.isfinite(found.mean[some]).all()
    assert np.isnan(found.mean[~some]).all()
    values = np.concatenate([y[np.isfinite(y)] for _, y in arrays] or [np.empty(0)])
    if some.any():
        room = 1e-9 * np.abs(values).max()
        assert found.mean[some].min() >= values.min() - room
        assert found.mean[some].max() <= values.max() + room
    assert (found.low[some] <= found.mean[some]).all()
    assert (found.high[some] >= found.mean[some]).all()
