"""From any number of points to one min..max span per dot column, without losing an extreme. Pure.

The spans of :func:`column_spans` are exact: filling every column from ``low`` to ``high`` gives the same
picture as drawing each segment of the polyline, because within a column a polyline's extremes lie at its
points or at the column's edges.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]
Joined: TypeAlias = NDArray[np.bool_] | None

_MAX_PIECES = 256
"""Polylines drawn apart; beyond it x is noise rather than restarts, and the points are sorted instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """``low[i]..high[i]`` is to be filled in dot column ``column[i]``; a column may have several spans,
    because a gap can lie inside it."""

    column: Ints
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ColumnMeans:
    """Of the finite points in each dot column: how many, and their mean (NaN where there are none)."""

    count: Ints
    mean: Floats


def usable_x(x: Floats) -> NDArray[np.bool_]:
    """Which x can be drawn: finite, and so small that differences can't overflow."""
    usable: NDArray[np.bool_] = np.abs(x) < 1e300
    return usable


def monotone_pieces(x: Floats, breaks: Sequence[int] = ()) -> list[slice]:
    """Slices of ``x`` (finite) in which it never goes back: the attempts of a resumed run.

    ``breaks``: indices at which a slice begins anyway.
    """
    if x.size == 0:
        return []
    backwards = (np.flatnonzero(x[1:] < x[:-1]) + 1).tolist()
    if breaks:
        backwards = sorted({*backwards, *(each for each in breaks if 0 < each < x.size)})
    bounds = [0, *backwards, x.size]
    return [slice(a, b) for a, b in itertools.pairwise(bounds)]


def column_spans(
    x: Floats, y: Floats, edges: Floats, *, breaks: Sequence[int] = (), plain: bool = False
) -> Spans:
    """Min..max of the polyline through (x, y) in every column ``edges[i] <= x < edges[i+1]``.

    Args:
        x: float64, any order; where it goes back a new polyline begins. Points whose x isn't
            usable are left out.
        y: float64 of the same length; a non-finite y is a gap.
        edges: strictly increasing, one more than there are columns. The last column includes its end.
        breaks: rising indices of points at which a new polyline begins, though x goes on.
        plain: it is known that x is usable and never goes back and that y is finite, which saves looking.
    """
    if plain:
        bounds = [0, *(each for each in breaks if 0 < each < x.size), x.size]
        return _together(
            [_polyline_spans(x[a:b], y[a:b], edges, None) for a, b in itertools.pairwise(bounds)]
        )
    kept = usable_x(x)
    if not kept.all():
        breaks = [int(np.count_nonzero(kept[:each])) for each in breaks]
        x, y = x[kept], y[kept]
    pieces = monotone_pieces(x, breaks)
    if len(pieces) > _MAX_PIECES:
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
        pieces = [slice(0, x.size)]
    return _together([_piece_spans(x[piece], y[piece], edges) for piece in pieces])


def _together(parts: list[Spans]) -> Spans:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return _no_spans()
    return Spans(
        np.concatenate([part.column for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
    )


def _no_spans() -> Spans:
    return Spans(np.empty(0, np.intp), np.empty(0), np.empty(0))


def _piece_spans(x: Floats, y: Floats, edges: Floats) -> Spans:
    """The spans of one polyline whose x never goes back."""
    finite = np.isfinite(y)
    if finite.all():
        return _polyline_spans(x, y, edges, None)
    position = np.flatnonzero(finite)
    return _polyline_spans(x[position], y[position], edges, np.diff(position) == 1)


def _polyline_spans(x: Floats, y: Floats, edges: Floats, joined: Joined) -> Spans:
    """The spans of finite points.

    joined[i]: a segment runs from point i to point i+1 (there is no gap between them); None: everywhere.
    """
    if x.size == 0:
        return _no_spans()
    starts = np.searchsorted(x, edges, side="left")
    entering, leaving = _edge_values(x, y, edges, joined, starts)
    starts[-1] = np.searchsorted(x, edges[-1], side="right")
    filled = _point_spans(y, starts, joined, entering, leaving)
    crossed = _crossed_spans(starts, entering, leaving)
    if not crossed.column.size:
        return filled
    return Spans(
        np.concatenate((filled.column, crossed.column)),
        np.concatenate((filled.low, crossed.low)),
        np.concatenate((filled.high, crossed.high)),
    )


def _edge_values(x: Floats, y: Floats, edges: Floats, joined: Joined, left: Ints) -> tuple[Floats, Floats]:
    """The polyline's height just right of, and just left of, every edge; NaN where it isn't drawn."""
    right = np.searchsorted(x, edges, side="right")
    entering = _heights(x, y, edges, joined, right)
    leaving = entering if np.array_equal(left, right) else _heights(x, y, edges, joined, left)
    return entering, leaving


def _heights(x: Floats, y: Floats, at: Floats, joined: Joined, after: Ints) -> Floats:
    """Height at ``at`` on the segment from point ``after - 1`` to point ``after``; NaN if there is none."""
    heights = np.full(at.size, np.nan)
    inside = np.flatnonzero((after > 0) & (after < x.size))
    if inside.size == 0:
        return heights
    if joined is not None:
        inside = inside[joined[after[inside] - 1]]
    following = after[inside]
    x0, x1 = x[following - 1], x[following]
    y0, y1 = y[following - 1], y[following]
    share = (at[inside] - x0) / (x1 - x0)
    value = y0 * (1.0 - share) + y1 * share  # this form can't overflow, and rounding may leave y0..y1:
    heights[inside] = np.clip(value, np.minimum(y0, y1), np.maximum(y0, y1))
    return heights


def _point_spans(y: Floats, starts: Ints, joined: Joined, entering: Floats, leaving: Floats) -> Spans:
    """One span for each group of joined points within one column."""
    begins, ends = starts[:-1], starts[1:]
    columns = np.flatnonzero(ends > begins)
    if columns.size == 0:
        return _no_spans()
    first, stop = int(begins[columns[0]]), int(ends[columns[-1]])
    group = begins[columns]
    column = columns
    if joined is not None:
        gaps = np.flatnonzero(~joined[first : stop - 1]) + first + 1
        group = np.union1d(group, gaps)
        column = np.searchsorted(starts, group, side="right") - 1
    inside = y[first:stop]
    low = np.minimum.reduceat(inside, group - first)
    high = np.maximum.reduceat(inside, group - first)
    last = np.append(group[1:], stop) - 1
    # A group that begins its column may come in over the column's left edge, one that ends it may leave.
    enters = np.where(group == begins[column], entering[column], np.nan)
    leaves = np.where(last + 1 == ends[column], leaving[column + 1], np.nan)
    low = np.fmin(low, np.fmin(enters, leaves))
    high = np.fmax(high, np.fmax(enters, leaves))
    return Spans(column, low, high)


def _crossed_spans(starts: Ints, entering: Floats, leaving: Floats) -> Spans:
    """Columns without a point of their own that a segment passes through."""
    empty = starts[1:] == starts[:-1]
    if not empty.any():
        return _no_spans()
    column = np.flatnonzero(empty & ~np.isnan(entering[:-1]) & ~np.isnan(leaving[1:]))
    a, b = entering[column], leaving[column + 1]
    return Spans(column, np.minimum(a, b), np.maximum(a, b))


def column_means(x: Floats, y: Floats, edges: Floats, *, plain: bool = False) -> ColumnMeans:
    """Count and mean of the finite points in every column, whatever the order of x.

    ``plain``: it is known that x is usable and never goes back, that y is finite, and that its sums are.
    """
    if not plain:
        kept = np.isfinite(y) & (x >= edges[0]) & (x <= edges[-1])  # false for an x that is NaN
        if not kept.all():
            x, y = x[kept], y[kept]
        if x.size and not np.all(x[1:] >= x[:-1]):
            order = np.argsort(x, kind="stable")
            x, y = x[order], y[order]
    starts = np.searchsorted(x, edges, side="left")
    starts[-1] = np.searchsorted(x, edges[-1], side="right")
    count = np.diff(starts)
    mean = np.full(count.size, np.nan)
    filled = np.flatnonzero(count)
    if filled.size == 0:
        return ColumnMeans(count, mean)
    begins, inside, share = starts[filled], y[: starts[-1]], count[filled]
    if plain:
        mean[filled] = np.add.reduceat(inside, begins) / share
        return ColumnMeans(count, mean)
    # Each value is divided first, so that a sum of large finite numbers can't become infinite.
    shares = inside[begins[0] :] / np.repeat(share, share)
    low = np.minimum.reduceat(inside, begins)
    high = np.maximum.reduceat(inside, begins)
    mean[filled] = np.clip(np.add.reduceat(shares, begins - begins[0]), low, high)
    return ColumnMeans(count, mean)
