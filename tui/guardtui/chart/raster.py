"""From curves to dots: which dots of the plot area each curve sets, dim and bright. Pure.

A line with many noisy points in a dot column is a smear; such a curve becomes a dim min-max envelope
(still the exact picture of every point) with a bright line through the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guardrun.series.downsample import Spans, column_spans, column_statistics, monotone_pieces
from guardrun.series.smoothing import debiased_ema
from guardtui.chart.model import Curve, Floats
from guardtui.chart.scale import Limits, decimal_log

Dots = NDArray[np.bool_]

_BAND_POINTS, _LINE_POINTS = 3.0, 2.0
"""Points in a dot column from which a noisy curve is a band, and below which it is a line again."""
_BAND_HEIGHT = 0.03
"""Mean height of the envelope, as a share of the visible range, below which a curve isn't noisy."""
_MEAN_OF = 60
"""Points that the bright line of a band averages, at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A curve reduced to spans of dot columns: what limits and dots are made of."""

    curve: Curve
    raw: Spans
    bright: Spans | None
    """The mean or smoothed line in front of a dim ``raw``; None: ``raw`` is the line itself."""
    nan_x: Floats
    up_x: Floats
    down_x: Floats
    hidden: int
    """Values at or below zero, which a log axis can't show."""
    points: int

    @property
    def is_band(self) -> bool:
        """Whether a bright line runs through a dim envelope."""
        return self.bright is not None


def trace(curve: Curve, edges: Floats, *, log_y: bool, smoothing: float, was_band: bool) -> Traced:
    """Reduce a curve to the dot columns between ``edges``."""
    x, y = curve.x, curve.y
    finite = np.isfinite(y)
    nan_x = up_x = down_x = np.empty(0)
    if not finite.all():
        nan_x, up_x, down_x = x[np.isnan(y)], x[np.isposinf(y)], x[np.isneginf(y)]
    hidden = 0
    if log_y:
        hidden = int(np.count_nonzero(finite & (y <= 0)))
        y = decimal_log(y)
    raw = column_spans(x, y, edges)
    bright = _bright_line(curve, x, y, edges, raw, smoothing=smoothing, was_band=was_band)
    return Traced(curve, raw, bright, nan_x, up_x, down_x, hidden, int(x.size))


def _bright_line(
    curve: Curve, x: Floats, y: Floats, edges: Floats, raw: Spans, *, smoothing: float, was_band: bool
) -> Spans | None:
    if curve.style == "faint" or raw.column.size == 0:
        return None
    if smoothing > 0:
        smooth = np.concatenate([debiased_ema(y[piece], smoothing) for piece in _pieces(x)])
        return column_spans(x, smooth, edges)
    if curve.style == "line" and not _is_noisy(x, edges, raw, was_band=was_band):
        return None
    lines = [_mean_line(x[piece], y[piece], edges) for piece in _pieces(x)]
    middle_x = np.concatenate([line[0] for line in lines])
    middle_y = np.concatenate([line[1] for line in lines])
    return column_spans(middle_x, middle_y, edges)


def _pieces(x: Floats) -> list[slice]:
    pieces = monotone_pieces(x)
    return pieces if len(pieces) <= 32 else [slice(0, x.size)]


def _is_noisy(x: Floats, edges: Floats, raw: Spans, *, was_band: bool) -> bool:
    """Many points in a column, and an envelope that is a good part of the picture's height."""
    visible = np.count_nonzero((x >= edges[0]) & (x <= edges[-1]))
    columns = np.unique(raw.column).size
    if visible < columns * (_LINE_POINTS if was_band else _BAND_POINTS):
        return False
    top, bottom = float(raw.high.max()), float(raw.low.min())
    share = (raw.high / 4 - raw.low / 4) / max(top / 4 - bottom / 4, 1e-300)
    return float(np.median(share)) >= _BAND_HEIGHT * (0.7 if was_band else 1.0)


def _mean_line(x: Floats, y: Floats, edges: Floats) -> tuple[Floats, Floats]:
    """The mean of each column and its neighbours, at the columns' middles; NaN where a column is empty."""
    found = column_statistics(x, y, edges)
    filled = found.count > 0
    if not filled.any():
        return np.empty(0), np.empty(0)
    first, last = np.flatnonzero(filled)[[0, -1]]
    count, mean = found.count[first : last + 1], found.mean[first : last + 1]
    middle = edges[first : last + 1] / 2 + edges[first + 1 : last + 2] / 2
    per_column = max(1.0, float(count.sum()) / count.size)
    reach = int(min(8, max(1, round(_MEAN_OF / per_column / 2)), max(1, count.size // 8)))
    return middle, _moving_mean(mean, count.astype(np.float64), reach)


def _moving_mean(mean: Floats, weight: Floats, reach: int) -> Floats:
    """Weighted mean over ``reach`` neighbours on each side; a NaN stays and isn't averaged over."""
    present = weight > 0
    total = np.convolve(weight, np.ones(2 * reach + 1), mode="same") if mean.size > 2 * reach else None
    if total is None:
        return mean
    scale = max(float(np.nanmax(np.abs(mean))), 1e-300)
    values = np.where(present, mean / scale, 0.0)
    smooth = np.convolve(values * weight, np.ones(2 * reach + 1), mode="same") / np.maximum(total, 1.0)
    return np.where(present, smooth * scale, np.nan)


def value_range(traced: list[Traced]) -> tuple[float, float] | None:
    """Lowest and highest visible value of all curves; None when there is none."""
    lows = [float(each.raw.low.min()) for each in traced if each.raw.low.size]
    highs = [float(each.raw.high.max()) for each in traced if each.raw.high.size]
    return (min(lows), max(highs)) if lows else None


def fill(spans: Spans, limits: Limits, rows: int, columns: int) -> Dots:
    """Dots of a plot area, row 0 at the top; spans outside the limits are cut off."""
    top = _dot_rows(spans.high, limits, rows)
    bottom = _dot_rows(spans.low, limits, rows)
    seen = (bottom >= 0) & (top < rows)
    column = spans.column[seen]
    top, bottom = np.maximum(top[seen], 0), np.minimum(bottom[seen], rows - 1)
    # +1 where a span begins, -1 below its end: the running sum down a column counts the spans there.
    size = (rows + 1) * columns
    steps = np.bincount(top * columns + column, minlength=size)
    steps -= np.bincount((bottom + 1) * columns + column, minlength=size)
    counts = steps.astype(np.int16).reshape(rows + 1, columns)
    return np.cumsum(counts, axis=0, dtype=np.int16)[:rows] > 0


def _dot_rows(values: Floats, limits: Limits, rows: int) -> NDArray[np.intp]:
    position = np.clip(limits.position(values), -1.0, 2.0)
    return np.rint((1.0 - position) * (rows - 1)).astype(np.intp)
