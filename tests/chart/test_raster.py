"""The dots are those of every segment drawn one at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.series.downsample import column_spans
from guardtui.chart.ink import ASCII, BLOCK, BRAILLE, pack
from guardtui.chart.raster import fill
from guardtui.chart.scale import Limits, spread_evenly

VALUE = st.one_of(st.integers(0, 64).map(lambda n: n / 4), st.sampled_from([math.nan, math.inf, -math.inf]))
POINTS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0, 5.0, -4.0]), VALUE), max_size=25)
X, Y = Limits(0.0, 16.0, 1.0), Limits(0.0, 16.0, 1.0)


def by_segments(x: np.ndarray, y: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Every point, and every segment cut at the columns' edges, with the rounding of ``fill``."""
    dots = np.zeros((rows, columns), bool)

    def put(px: float, low: float, high: float) -> None:
        if not 0 <= px <= 16:
            return
        column = min(int(px / 16 * columns), columns - 1)
        top, bottom = (round((1 - v / 16) * (rows - 1)) for v in (high, low))
        dots[max(top, 0) : bottom + 1, column] = True

    for i in range(len(x)):
        if not math.isfinite(y[i]):
            continue
        put(x[i], y[i], y[i])
        if i + 1 == len(x) or not math.isfinite(y[i + 1]) or x[i + 1] < x[i]:
            continue
        if x[i] == x[i + 1]:
            put(x[i], min(y[i : i + 2]), max(y[i : i + 2]))
            continue
        edges = [16 * c / columns for c in range(columns + 1)]
        for left, right in itertools.pairwise(edges):
            a, b = max(left, x[i]), min(right, x[i + 1])
            if a < b:
                at = [y[i] + (y[i + 1] - y[i]) * (e - x[i]) / (x[i + 1] - x[i]) for e in (a, b)]
                put((a + b) / 2, min(at), max(at))
    return dots


@given(POINTS, st.sampled_from([(8, 8), (9, 4), (33, 16), (5, 1), (1, 8)]))
def test_the_raster_equals_drawing_every_segment(
    points: list[tuple[float, float]], size: tuple[int, int]
) -> None:
    rows, columns = size
    x = np.cumsum([step for step, _ in points]) if points else np.empty(0)
    y = np.array([value for _, value in points], float)

    dots = fill(column_spans(x, y, spread_evenly(X, columns)), Y, rows, columns)

    expected = by_segments(x, y, rows, columns)
    differs = dots != expected
    # A height that lies on the border of two dot rows may round either way after interpolation.
    assert differs.sum() <= _borderline(x, y, rows, columns), (dots.astype(int), expected.astype(int))


def _borderline(x: np.ndarray, y: np.ndarray, rows: int, columns: int) -> int:
    """How many column edges a segment crosses at half a dot's height."""
    count = 0
    for i in range(len(x) - 1):
        if x[i + 1] <= x[i] or not np.isfinite(y[i : i + 2]).all():
            continue
        for c in range(columns + 1):
            edge = 16 * c / columns
            if x[i] <= edge <= x[i + 1]:
                height = y[i] + (y[i + 1] - y[i]) * (edge - x[i]) / (x[i + 1] - x[i])
                count += 2 * (abs((1 - height / 16) * (rows - 1) % 1 - 0.5) < 1e-6)
    return count


@pytest.mark.parametrize("ink", [BRAILLE, BLOCK, ASCII], ids=lambda ink: ink.name)
@given(st.data())
def test_packed_bits_hold_exactly_the_dots(ink, data: st.DataObject) -> None:
    size = 4 * ink.rows * ink.columns
    flags = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    dots = np.array(flags, bool).reshape(2 * ink.rows, 2 * ink.columns)

    bits = pack(dots, ink)

    for row in range(2):
        for column in range(2):
            cell = dots[
                row * ink.rows : (row + 1) * ink.rows, column * ink.columns : (column + 1) * ink.columns
            ]
            weights = np.array(ink.weights)
            assert bits[row, column] == (weights * cell).sum()


def test_braille_characters_are_the_ones_unicode_defines() -> None:
    assert BRAILLE.shapes[pack(np.array([[1, 0], [0, 0], [0, 0], [0, 1]], bool), BRAILLE)[0, 0]] == "⢁"


def test_what_lies_outside_the_limits_is_cut_off() -> None:
    spans = column_spans(np.array([0.0, 16.0]), np.array([-100.0, 100.0]), spread_evenly(X, 4))

    dots = fill(spans, Y, 8, 4)

    assert dots[:, 0].sum() == 0
    assert dots[7, 1] or dots[7, 2]
    assert dots[:, 3].sum() == 0
