"""Several runs of one group as one curve: their mean with a band of one standard deviation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from guardrun.series.downsample import column_means, usable_x
from guardrun.series.ensemble import ensemble
from guardtui.chart.model import Curve, Floats, Mark, Spread

RUN_COLORS: Final = tuple(f"run{number}" for number in range(1, 11))
"""Roles of the palette for runs and groups drawn together; the eleventh begins anew."""


_MOST_POINTS: Final = 4000
"""Points of the longest of several curves up to which their mean is taken at every one of them."""
_PARTS: Final = 2000
"""Parts of the axis in which longer ones are averaged first; no terminal has as many columns."""


def run_color(number: int) -> str:
    """The role of the run or group with this number, from 0."""
    return RUN_COLORS[number % len(RUN_COLORS)]


def group_curve(name: str, runs: Sequence[Curve], color: str) -> tuple[Curve, tuple[Mark, ...]]:
    """The mean of several runs' curves, and a mark for each run where it was first not finite.

    The x of all curves is that of the chart's axis, be it steps, epochs, time or tokens: that is how they are
    aligned. The label says of how many runs it is the mean; the marks name those that a NaN took out of it.
    """
    found = ensemble([(curve.x, curve.y) for curve in runs])
    for column in (found.x, found.mean):
        column.setflags(write=False)  # charts then need not look whether it changed
    counts = found.count[found.count > 0]
    label = f"{name} n={_range(counts)}" if counts.size else f"{name} n=0"
    curve = Curve(label, found.x, found.mean, color, spread=Spread(found.low, found.high, found.count))
    marks = [
        Mark(x, "nonfinite", f"{each.label} not finite")
        for x, each in zip(found.first_bad, runs, strict=True)
        if x is not None
    ]
    return curve, tuple(marks)


def thinned(curves: Sequence[Curve]) -> list[Curve]:
    """Very long curves as their means in equal parts of their common axis, so that a mean of many runs is
    made within a frame. A part with a value that is not finite has none."""
    if max((curve.x.size for curve in curves), default=0) <= _MOST_POINTS:
        return list(curves)
    ends = [x for curve in curves if (x := curve.x[usable_x(curve.x)]).size]
    if not ends:
        return list(curves)
    low, high = min(float(x.min()) for x in ends), max(float(x.max()) for x in ends)
    share = np.arange(_PARTS + 1) / _PARTS
    edges = low * (1.0 - share) + high * share
    return [_in_parts(curve, edges) for curve in curves]


def _in_parts(curve: Curve, edges: Floats) -> Curve:
    means = column_means(curve.x, curve.y, edges)
    bad = curve.x[~np.isfinite(curve.y) & usable_x(curve.x)]
    filled, y = means.count > 0, means.mean.copy()
    if bad.size:
        parts = np.clip(np.searchsorted(edges, bad, side="right") - 1, 0, y.size - 1)
        filled[parts], y[parts] = True, np.nan
    middle = edges[:-1] / 2 + edges[1:] / 2
    return replace(curve, x=middle[filled], y=y[filled], breaks=(), past=None)


def _range(counts: np.ndarray[tuple[int], np.dtype[np.intp]]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{high}" if low == high else f"{low}-{high}"
