"""Several runs of one group as one curve: their mean with a band of one standard deviation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from guardrun.series.ensemble import ensemble
from guardtui.chart.model import Curve, Mark, Spread

RUN_COLORS: Final = tuple(f"run{number}" for number in range(1, 11))
"""Roles of the palette for runs and groups drawn together; the eleventh begins anew."""


def run_color(number: int) -> str:
    """The role of the run or group with this number, from 0."""
    return RUN_COLORS[number % len(RUN_COLORS)]


def group_curve(name: str, runs: Sequence[Curve], color: str) -> tuple[Curve, tuple[Mark, ...]]:
    """The mean of several runs' curves, and a mark for each run where it was first not finite.

    The x of all curves is that of the chart's axis, be it steps, epochs, time or tokens: that is how they are
    aligned. The label says of how many runs it is the mean; the marks name those that a NaN took out of it.
    """
    found = ensemble([(curve.x, curve.y) for curve in runs])
    counts = found.count[found.count > 0]
    label = f"{name} n={_range(counts)}" if counts.size else f"{name} n=0"
    curve = Curve(label, found.x, found.mean, color, spread=Spread(found.low, found.high, found.count))
    marks = [
        Mark(x, "nonfinite", f"{each.label} not finite")
        for x, each in zip(found.first_bad, runs, strict=True)
        if x is not None
    ]
    return curve, tuple(marks)


def _range(counts: np.ndarray[tuple[int], np.dtype[np.intp]]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{high}" if low == high else f"{low}-{high}"
