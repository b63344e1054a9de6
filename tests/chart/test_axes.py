"""Limits move rarely and in steps; labels are short and still tell values apart."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardtui.chart.draw import draw
from guardtui.chart.model import ChartModel, Curve
from guardtui.chart.scale import (
    X_END_GRID,
    Limits,
    log_limits,
    nice_step,
    spread_evenly,
    step_limits,
    value_limits,
    window_limits,
)
from guardtui.chart.ticks import axis_ticks, label_values, short, step_text

ANY = st.floats(allow_nan=False, allow_infinity=False)


def test_the_end_of_a_growing_step_axis_moves_on_a_coarse_grid() -> None:
    limits, ends = None, []
    for step in range(1, 100_001, 7):
        limits = step_limits(0.0, float(step), limits)
        ends.append(limits.high)

    moves = [high for high, _ in itertools.groupby(ends)]
    assert len(moves) < 60
    assert all(round(high / 10 ** math.floor(math.log10(high)), 6) in X_END_GRID for high in moves)
    assert all(limits.low == 0.0 for limits in [limits])


def test_value_limits_stay_while_the_data_stays_inside_and_fills_them() -> None:
    first = value_limits(0.31, 2.4, None)

    assert (first.low, first.high) == (0.0, 3.0)
    assert value_limits(0.2, 2.9, first) is first
    assert value_limits(0.2, 3.1, first) is not first
    assert value_limits(1.0, 1.1, first) != first


@given(ANY, ANY)
def test_value_limits_hold_any_two_numbers(a: float, b: float) -> None:
    low, high = sorted((a, b))

    limits = value_limits(low, high, None)

    assert limits.low < limits.high
    assert math.isfinite(limits.low)
    assert math.isfinite(limits.high)
    position = limits.position(np.array([low, high]))
    assert ((position >= -1e-9) & (position <= 1 + 1e-9)).all()


@given(ANY, ANY)
def test_edges_never_fall_and_meet_both_ends(a: float, b: float) -> None:
    limits = window_limits((a, b))

    edges = spread_evenly(limits, 37)

    assert (np.diff(edges) >= 0).all()
    assert (edges[0], edges[-1]) == (limits.low, limits.high)


@given(st.floats(-300, 300), st.floats(0, 20))
def test_log_limits_hold_the_data(low: float, span: float) -> None:
    limits = log_limits(low, low + span, None)

    assert limits.low <= low + 1e-6
    assert limits.high >= low + span - 1e-6
    assert limits.low < limits.high


def test_nice_steps_are_nice() -> None:
    assert [nice_step(x) for x in (0.9, 1.0, 1.1, 2.2, 3e-7, 7.0)] == [1.0, 1.0, 2.0, 2.5, 5e-7, 10.0]


@pytest.mark.parametrize(
    ("low", "high", "unit", "labels", "offset"),
    [
        (0.0, 3.0, "", ["0", "1", "2", "3"], ""),
        (0.0, 10_000.0, "", ["0", "2.5k", "5k", "7.5k", "10k"], ""),
        (0.0, 1.5e6, "", ["0", "0.5M", "1M", "1.5M"], ""),
        (0.0, 4e-7, "", ["0", "1e-7", "2e-7", "3e-7", "4e-7"], ""),
        (1e-4, 3e-4, "", ["1e-4", "1.5e-4", "2e-4", "2.5e-4", "3e-4"], ""),
        (1.2e12, 1.2e12 + 20, "", ["+0", "+5", "+10", "+15", "+20"], "1.2e12"),
        (0.0, 100.0, "%", ["0%", "25%", "50%", "75%", "100%"], ""),
        (0.0, 8e9, "B", ["0B", "2GB", "4GB", "6GB", "8GB"], ""),
        (79.57906e9, 79.57907e9, "B", ["+0B", "+2.5kB", "+5kB", "+7.5kB", "+10kB"], "79.57906GB"),
        (0.0, 7200.0, "s", ["0", "30m", "1h", "1h30", "2h"], ""),
        (0.0, 0.04, "s", ["0", "10ms", "20ms", "30ms", "40ms"], ""),
        (-2.0, 2.0, "", ["-2", "-1", "0", "1", "2"], ""),
    ],
)
def test_labels_of(low: float, high: float, unit: str, labels: list[str], offset: str) -> None:
    ticks = axis_ticks(Limits(low, high, nice_step((high - low) / 4)), 5, unit)

    assert (list(ticks.labels), ticks.offset) == (labels, offset)


@given(ANY, ANY, st.integers(0, 9), st.sampled_from(["", "s", "B", "%"]))
def test_every_axis_has_at_least_two_labels_and_no_more_than_asked(
    a: float, b: float, most: int, unit: str
) -> None:
    limits = value_limits(*sorted((a, b)), None)

    ticks = axis_ticks(limits, most, unit)

    assert 2 <= len(ticks.labels) <= max(2, most)
    assert list(ticks.positions) == sorted(ticks.positions)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e6))
def test_neighbouring_labels_differ(low: float, span: float) -> None:
    ticks = axis_ticks(value_limits(low, low + span, None), 6)

    assert len(set(ticks.labels)) == len(ticks.labels)


def test_a_short_chart_still_has_two_value_labels() -> None:
    curve = Curve("loss", np.arange(5.0), np.array([0.3, 1.2, 4.4, 2.0, 1.0]))

    rows = draw(ChartModel("loss", (curve,)), 24, 5).text().splitlines()

    assert sum("┤" in row for row in rows) == 2


def test_a_window_is_shown_as_it_is_and_values_fit_what_is_visible() -> None:
    x = np.arange(1000.0)
    model = ChartModel("loss", (Curve("loss", x, 1000 - x),), x_range=(900.0, 1000.0))

    frame = draw(model, 60, 12)

    assert frame.area is not None
    assert (frame.area.x.low, frame.area.x.high) == (900.0, 1000.0)
    assert frame.memory.y is not None
    assert frame.memory.y.high <= 125


def test_old_cells_stay_while_a_run_goes_on() -> None:
    """Twenty more steps change only cells at the right end of a long run."""
    x = np.arange(10_000.0)
    y = np.exp(-x / 3000) + np.random.default_rng(0).normal(0, 0.02, x.size)
    before = draw(ChartModel("", (Curve("loss", x[:7000], y[:7000]),)), 80, 20)

    after = draw(ChartModel("", (Curve("loss", x[:7020], y[:7020]),)), 80, 20, memory=before.memory)

    changed = np.flatnonzero((before.chars != after.chars)[1:].any(axis=0))
    assert changed.size <= 8
    assert changed.min() > 40


def test_labels_of_a_readout() -> None:
    shown = [
        short(v) for v in (0.5, 12.0, 0.12345, 1234.5, 123456.7, 3e-7, -2.5e18, 0.0, math.nan, -math.inf)
    ]

    assert shown == ["0.5000", "12", "0.1235", "1234", "123.5k", "3e-7", "-2.5e18", "0", "NaN", "-inf"]
    assert [step_text(v) for v in (12400.0, 0.25, math.nan)] == ["12,400", "0.25", "NaN"]
    assert [short(v, "s") for v in (0.0123, 2.5, 75.0, 4000.0)] == ["12.3ms", "2.5s", "75s", "1h06"]
    assert label_values([5.0], 1.0, "%") == (["5%"], "")
