"""From curves to dots: which dots of the plot area each curve sets, dim and bright. Pure.

A line with many noisy points in a dot column is a smear; such a curve becomes a dim min-max envelope
(still the exact picture of every point) with a bright line through the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guardrun.series.downsample import Spans, column_means, column_spans, monotone_pieces
from guardrun.series.smoothing import debiased_ema
from guardtui.chart.clipping import core_range, visible
from guardtui.chart.known import Known
from guardtui.chart.model import Curve, Floats, Spread
from guardtui.chart.scale import Limits, decimal_log

Dots = NDArray[np.bool_]

_BAND_POINTS, _LINE_POINTS = 3.0, 2.0
"""Points in a dot column from which a noisy curve is a band, and below which it is a line again."""
_BAND_HEIGHT = 0.03
"""Mean height of the envelope, as a share of the visible range, below which a curve isn't noisy."""
_MEAN_OF = 60
"""Points that the bright line of a band averages, at least."""
_MOST_PIECES = 32
_NOTHING = np.empty(0)
_NO_SPANS = Spans(np.empty(0, np.intp), np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A curve reduced to spans of dot columns: what limits and dots are made of."""

    curve: Curve
    known: Known
    raw: Spans
    bright: Spans | None
    """The mean or smoothed line in front of a dim ``raw``; None: ``raw`` is the line itself."""
    past: Spans
    """What a resume has overwritten."""
    nan_x: Floats
    up_x: Floats
    down_x: Floats
    hidden: int
    """Values at or below zero, which a log axis can't show."""
    points: int
    seen: Floats | None = None
    """Finite values in view, where outliers are to be clipped."""

    @property
    def is_band(self) -> bool:
        """Whether a bright line runs through a dim envelope."""
        return self.bright is not None


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How all curves of a chart are traced."""

    edges: Floats
    log_y: bool = False
    smoothing: float = 0.0
    clip: bool = False


def trace(curve: Curve, view: View, known: Known, *, was_band: bool) -> Traced:
    """Reduce a curve to the dot columns between the view's edges."""
    x, y = curve.x, curve.y
    nan_x = up_x = down_x = _NOTHING
    hidden = 0
    if not known.plain:
        nan_x, up_x, down_x = x[np.isnan(y)], x[np.isposinf(y)], x[np.isneginf(y)]
    plain = known.plain
    if view.log_y:
        plain = known.plain and known.positive
        hidden = 0 if plain else int(np.count_nonzero(y <= 0)) - down_x.size
        y = known.derived.logs(y)
    raw = column_spans(x, y, view.edges, breaks=curve.breaks, plain=plain)
    found = _Points(curve, x, y, plain, known)
    bright: Spans | None
    if curve.spread is not None:
        bright, raw = raw, _envelope(curve, curve.spread, raw, view)
    else:
        bright = _bright_line(found, view, raw, was_band=was_band)
    past = _NO_SPANS
    if curve.past is not None:
        past_y = decimal_log(curve.past.y) if view.log_y else curve.past.y
        past = column_spans(curve.past.x, past_y, view.edges, breaks=curve.past.breaks)
    seen = visible(x, y, view.edges) if view.clip else None
    return Traced(curve, known, raw, bright, past, nan_x, up_x, down_x, hidden, int(x.size), seen)


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """The points of a curve in the axis's own terms, and what is known of them."""

    curve: Curve
    x: Floats
    y: Floats
    plain: bool
    known: Known

    def pieces(self) -> list[slice]:
        """Polylines; of an x that is noise, one."""
        if self.plain and not self.curve.breaks:
            return [slice(0, self.x.size)]
        pieces = monotone_pieces(self.x, self.curve.breaks)
        return pieces if len(pieces) <= _MOST_PIECES else [slice(0, self.x.size)]


def _bright_line(points: _Points, view: View, raw: Spans, *, was_band: bool) -> Spans | None:
    curve, x, y = points.curve, points.x, points.y
    if curve.style == "faint" or raw.column.size == 0:
        return None
    pieces = points.pieces()
    if view.smoothing > 0:
        if points.plain and len(pieces) == 1:
            smooth = points.known.derived.average(y, view.smoothing, log=view.log_y)
            return column_spans(x, smooth, view.edges, plain=True)
        smooth = np.concatenate([debiased_ema(y[piece], view.smoothing) for piece in pieces])
        return column_spans(x, smooth, view.edges, breaks=curve.breaks)
    if curve.style == "line" and not _is_noisy(points, view.edges, raw, was_band=was_band):
        return None
    lines = [_mean_line(x[piece], y[piece], view.edges, plain=points.plain) for piece in pieces]
    middle_x = np.concatenate([line[0] for line in lines])
    middle_y = np.concatenate([line[1] for line in lines])
    breaks = np.cumsum([line[0].size for line in lines])[:-1].tolist()
    return column_spans(middle_x, middle_y, view.edges, breaks=breaks)


def _envelope(curve: Curve, spread: Spread, mean: Spans, view: View) -> Spans:
    """From the lower end to the upper one in every column; where there is none, the mean itself."""
    low, high = spread.low, spread.high
    if view.log_y:
        # What reaches below zero is drawn down to the mean's lowest value, not for ever.
        positive = curve.y[curve.y > 0]
        low = decimal_log(np.where(low > 0, low, positive.min() if positive.size else np.nan))
        high = decimal_log(high)
    sides = [column_spans(curve.x, side, view.edges, breaks=curve.breaks) for side in (low, high)]
    size = view.edges.size - 1
    bottom, top = np.full(size, np.inf), np.full(size, -np.inf)
    for spans in (*sides, mean):
        np.minimum.at(bottom, spans.column, spans.low)
        np.maximum.at(top, spans.column, spans.high)
    column = np.flatnonzero(bottom <= top)
    return Spans(column, bottom[column], top[column])


def _is_noisy(points: _Points, edges: Floats, raw: Spans, *, was_band: bool) -> bool:
    """Many points in a column, and an envelope that is a good part of the picture's height."""
    x = points.x
    if points.plain:
        count = int(np.diff(np.searchsorted(x, edges[[0, -1]]))[0])
    else:
        count = int(np.count_nonzero((x >= edges[0]) & (x <= edges[-1])))
    alone = points.plain and not points.curve.breaks
    columns = raw.column.size if alone else np.unique(raw.column).size
    if count < columns * (_LINE_POINTS if was_band else _BAND_POINTS):
        return False
    top, bottom = float(raw.high.max()), float(raw.low.min())
    share = (raw.high / 4 - raw.low / 4) / max(top / 4 - bottom / 4, 1e-300)
    tall = np.count_nonzero(share >= _BAND_HEIGHT * (0.7 if was_band else 1.0))
    return 2 * int(tall) >= share.size


def _mean_line(x: Floats, y: Floats, edges: Floats, *, plain: bool) -> tuple[Floats, Floats]:
    """The mean of each column and its neighbours, at the columns' middles; NaN where a column is empty."""
    found = column_means(x, y, edges, plain=plain)
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
    """Lowest and highest visible value of all curves, outliers left out where that is asked for; None when
    there is none."""
    ranges = []
    for each in traced:
        if each.seen is not None and each.curve.spread is None:
            core = core_range(each.seen)
            ranges += [core] if core is not None else []
        else:
            ranges += [_extremes(spans) for spans in (each.raw, each.past) if spans.column.size]
    if not ranges:
        # A line may pass through the window without a point of its own in it.
        ranges = [_extremes(each.raw) for each in traced if each.raw.column.size]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def _extremes(spans: Spans) -> tuple[float, float]:
    return float(spans.low.min()), float(spans.high.max())


def fill(spans: Spans, limits: Limits, rows: int, columns: int) -> Dots:
    """Dots of a plot area, row 0 at the top; spans outside the limits are cut off."""
    top, bottom = _dot_rows(np.stack((spans.high, spans.low)), limits, rows)
    seen = (bottom >= 0) & (top < rows)
    column = spans.column
    if not seen.all():
        column, top, bottom = column[seen], top[seen], bottom[seen]
    top, bottom = np.maximum(top, 0), np.minimum(bottom, rows - 1)
    # +1 where a span begins, -1 below its end: the running sum down a column counts the spans there.
    size = (rows + 1) * columns
    steps = np.bincount(top * columns + column, minlength=size)
    steps -= np.bincount((bottom + 1) * columns + column, minlength=size)
    counts = steps.astype(np.int16).reshape(rows + 1, columns)
    return np.cumsum(counts, axis=0, dtype=np.int16)[:rows] > 0


def _dot_rows(values: Floats, limits: Limits, rows: int) -> NDArray[np.intp]:
    position = np.clip(limits.position(values), -1.0, 2.0)
    return np.rint((1.0 - position) * (rows - 1)).astype(np.intp)
