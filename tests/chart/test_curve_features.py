"""Outliers, attempts, spreads, marks and legends: what is told beside the plain line."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardtui.chart.clipping import core_range
from guardtui.chart.draw import draw
from guardtui.chart.frame import STYLE_INDEX, Frame
from guardtui.chart.ink import ASCII, BRAILLE
from guardtui.chart.legend import draw_legend
from guardtui.chart.model import ChartModel, Curve, Mark, Spread
from guardtui.chart.reading import nearest, nearest_index

X = np.arange(200.0)
NUMBERS = st.one_of(st.floats(), st.sampled_from([math.nan, 1e300, -1e300, 1.7e308, 1e-300, 0.0]))


def spiking(*spikes: tuple[int, float]) -> Curve:
    y = 1.0 + 0.1 * np.sin(X)
    for place, value in spikes:
        y[place] = value
    return Curve("train", X, y)


def cells(frame: Frame, style: str) -> set[tuple[int, int]]:
    found = np.argwhere((frame.styles == STYLE_INDEX[style]) & (frame.chars != " "))
    return {(int(row), int(column)) for row, column in found}


def top(frame: Frame) -> float:
    assert frame.memory.y is not None
    return frame.memory.y.high


def test_clipped_outliers_are_marked_at_the_edge_and_counted() -> None:
    model = ChartModel("loss", (spiking((50, 1000.0), (51, 900.0), (150, -300.0)),))

    whole, clipped = draw(model, 60, 12), draw(replace(model, clip=True), 60, 12)

    assert top(whole) >= 1000
    assert top(clipped) < 3
    assert clipped.clipped == 3
    assert "3 clipped" in clipped.row_text(0)
    assert "▴" in clipped.row_text(1)
    assert "▾" in clipped.row_text(9)
    assert "clipped" not in whole.text()
    assert whole.clipped == 0


def test_the_count_of_clipped_points_stays_in_a_narrow_title() -> None:
    model = ChartModel("a rather long name of a loss", (spiking((50, 1000.0)),), clip=True)

    for width in (20, 30, 40, 60):
        assert "1 clipped" in draw(model, width, 8).row_text(0), width


def test_without_outliers_clipping_changes_nothing() -> None:
    model = ChartModel("loss", (spiking(), Curve("val", X[::20], 50 + X[::20])))

    assert draw(replace(model, clip=True), 60, 12).text() == draw(model, 60, 12).text()


def test_outliers_are_those_of_each_curve_and_few_points_are_never_clipped() -> None:
    """A validation loss at another height is no outlier of the training loss."""
    val = Curve("val", X[::40], np.array([5.0, 5.0, 5.0, 5.0, 80.0]))

    frame = draw(ChartModel("loss", (spiking((50, 1000.0)), val), clip=True), 60, 12)

    assert frame.clipped == 1
    assert 80 <= top(frame) < 200


def test_outliers_on_a_log_axis_and_in_a_window() -> None:
    model = ChartModel("loss", (spiking((50, 1e30)),), clip=True, log_y=True)

    assert draw(model, 60, 12).clipped == 1
    assert draw(replace(model, x_range=(100.0, 200.0)), 60, 12).clipped == 0


@given(st.lists(NUMBERS, max_size=60))
def test_the_core_of_any_numbers_is_theirs(values: list[float]) -> None:
    finite = np.array([value for value in values if math.isfinite(value)])

    core = core_range(finite)

    if finite.size:
        assert core is not None
        assert finite.min() <= core[0] <= core[1] <= finite.max()
    else:
        assert core is None


def test_a_break_parts_the_line_and_what_was_overwritten_is_dim() -> None:
    past = Curve("", np.arange(60.0, 90), np.full(30, 5.0))
    x = np.concatenate([np.arange(60.0), np.arange(80.0, 120)])
    y = np.concatenate([np.full(60, 5.0), np.full(40, 1.0)])
    model = ChartModel("loss", (Curve("train", x, y, breaks=(60,), past=past),))

    frame = draw(model, 60, 12)

    bright, dim = cells(frame, "train"), cells(frame, "train:dim")
    high = {row for row, column in dim}
    assert len(high) == 1
    assert high < {row for row, column in bright if row}
    assert len({row for row, column in bright if row}) == 2, "no line joins the two attempts"
    assert "train 1" in frame.row_text(0)


def test_the_average_begins_anew_with_an_attempt() -> None:
    x = np.arange(200.0)
    y = np.where(x < 100, 8.7, 1.3)
    joined = ChartModel("", (Curve("", x, y),), smoothing=0.9)

    apart = replace(joined, curves=(replace(joined.curves[0], breaks=(100,)),))

    assert len({row for row, _ in cells(draw(joined, 60, 12), "train") if row}) > 4
    assert len({row for row, _ in cells(draw(apart, 60, 12), "train") if row}) == 2


def group(count: int = 3, mean: float = 0.5) -> Curve:
    y = np.full(X.size, mean)
    return Curve("lr=0.1 n=3", X, y, "run1", spread=Spread(y - 0.2, y + 0.2, np.full(X.size, count)))


def test_a_mean_has_its_band_and_says_its_deviation() -> None:
    frame = draw(ChartModel("val/loss", (group(),)), 60, 12)

    dim, bright = cells(frame, "run1:dim"), cells(frame, "run1")
    assert len({row for row, _ in dim}) >= 3
    assert {row for row, _ in bright if row} < {row for row, _ in dim | bright}
    assert "lr=0.1 n=3 0.5000 ±0.2000" in frame.row_text(0)
    assert "±" in draw(ChartModel("", (group(),), readout=50.0), 60, 12).row_text(0)
    assert draw(ChartModel("val/loss", (group(),)), 60, 12, ink=ASCII).text().isascii()


def test_the_mean_of_one_run_has_no_deviation() -> None:
    assert "±" not in draw(ChartModel("val/loss", (group(count=1),)), 60, 12).row_text(0)


def test_a_band_that_reaches_below_zero_stays_finite_on_a_log_axis() -> None:
    frame = draw(ChartModel("", (group(mean=0.1),), log_y=True), 60, 12)

    assert frame.memory.y is not None
    assert frame.memory.y.low >= -2
    assert cells(frame, "run1:dim")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=20), st.booleans(), st.booleans())
def test_any_band_is_drawn(rows: list[tuple[float, float, float]], log_y: bool, clip: bool) -> None:
    y, low, high = np.array(rows or np.empty((0, 3)), float).T
    x = np.arange(float(y.size))
    past = Curve("", x, low)
    curve = Curve("a", x, y, breaks=(3, 3, 99), past=past, spread=Spread(low, high, np.full(y.size, 2)))

    with np.errstate(all="raise", under="ignore"):
        frame = draw(ChartModel("t", (curve,), log_y=log_y, clip=clip), 40, 10)

    assert frame.chars.shape == (10, 40)


@pytest.mark.parametrize("ink", [BRAILLE, ASCII], ids=["braille", "ascii"])
def test_severities_and_learning_rate_jumps_have_shapes_of_their_own(ink) -> None:
    kinds = ("signal", "warning", "notice", "lr", "best", "last", "stop")
    marks = tuple(Mark(20.0 + 20 * number, kind, kind) for number, kind in enumerate(kinds))

    axis = draw(ChartModel("", (spiking(),), marks), 80, 12, ink=ink).row_text(10)

    signs = [ink.marks[kind] for kind in kinds]
    assert len(set(signs)) == len(signs)
    assert [c for c in axis if c in signs] == signs


def runs(count: int, *, names: str = "run-{}") -> tuple[Curve, ...]:
    return tuple(Curve(names.format(n + 1), X, 1 + n + 0.001 * X, f"run{n % 10 + 1}") for n in range(count))


def test_ten_runs_are_named_as_far_as_they_fit_and_all_in_the_legend() -> None:
    model = ChartModel("val/loss", runs(10))

    title = draw(model, 80, 12).row_text(0)
    rows = draw_legend(model, 80, 11).text().splitlines()

    assert title.rstrip().endswith("+6")
    assert title.count("━ run-") == 4
    assert [row.split()[1] for row in rows[1:]] == [f"run-{n}" for n in range(1, 11)]


def test_without_colours_runs_of_like_names_have_different_letters_in_picture_and_legend() -> None:
    model = ChartModel("val/loss", runs(10))

    frame = draw(model, 80, 24, mono=True)
    legend = draw_legend(model, 80, 11, mono=True).text().splitlines()

    assert [row[0] for row in legend[1:]] == list("abcdefghij")
    assert "a run-1" in frame.row_text(0)
    picture = "\n".join(frame.row_text(row)[frame.area.left :] for row in range(1, 22)) if frame.area else ""
    assert {c for c in picture if c.isalpha()} == set("abcdefghij")


def test_curves_that_end_at_one_place_keep_their_letters() -> None:
    same = tuple(Curve(name, X, np.ones(X.size), f"run{n}") for n, name in enumerate("pqr", 1))

    frame = draw(ChartModel("", same), 60, 12, mono=True)

    assert {c for row in range(1, 10) for c in frame.row_text(row) if c.isalpha()} == set("pqr")


def test_the_readout_of_many_runs_names_the_ones_it_shows() -> None:
    title = draw(ChartModel("val/loss", runs(10), readout=100.0), 80, 12).row_text(0)

    assert "100" in title
    assert "━ run-1 1.100" in title
    assert title.rstrip().endswith("+6")


@given(st.lists(NUMBERS, max_size=30), NUMBERS)
def test_the_nearest_point_is_the_nearest_and_of_equal_ones_the_newest(along: list[float], x: float) -> None:
    xs = np.array(along, float)

    found = nearest_index(xs, x)

    usable = [index for index, value in enumerate(along) if abs(value) < 1e300]
    if not usable or not math.isfinite(x):
        assert found is None
        return
    least = min(abs(along[index] / 2 - x / 2) for index in usable)
    assert found in usable
    assert abs(along[found] / 2 - x / 2) == least
    assert found == max(index for index in usable if along[index] == along[found])


def test_the_nearest_point_of_a_resumed_run_is_of_the_newest_attempt() -> None:
    curve = Curve("", np.array([1.0, 2, 3, 2, 3]), np.array([1.0, 2, 3, 4, 5]))

    assert nearest(curve, 2.1) == (2.0, 4.0)
    assert nearest(curve, 0.0) == (1.0, 1.0)
    assert nearest(curve, math.nan) is None


def test_a_title_keeps_the_word_nan_however_narrow() -> None:
    y = np.ones(200)
    y[100] = np.nan
    model = ChartModel(
        "a rather long name of a metric", (Curve("train", X, y), Curve("val", X, np.ones(200)))
    )

    for width in (12, 24, 40, 50, 60):
        assert "NaN" in draw(model, width, 8).row_text(0), width
