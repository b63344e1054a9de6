"""A y axis that a few extreme outliers do not stretch. Pure.

The axis is made for the middle of the visible points: their 2nd to 98th percentile, and as much again on both
sides. What lies beyond is outside the axis, if there are few such points: they are counted, and marked at the
edge. A curve of few points is never clipped.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from guardtui.chart.model import Floats

_FEWEST: Final = 20
_TAIL: Final = 0.02
_ROOM: Final = 1.0
_MOST_LOOKED_AT: Final = 20_000
"""Percentiles of a longer curve are those of so many points spread evenly over it."""


def visible(x: Floats, y: Floats, edges: Floats) -> Floats:
    """Finite values whose x is in view."""
    seen: Floats = y[np.isfinite(y) & (x >= edges[0]) & (x <= edges[-1])]
    return seen


def core_range(values: Floats) -> tuple[float, float] | None:
    """Lowest and highest of the finite values that are no outliers; None without any."""
    if values.size == 0:
        return None
    if values.size < _FEWEST:
        return float(values.min()), float(values.max())
    looked_at = values[:: max(1, values.size // _MOST_LOOKED_AT)]
    places = [round(share * (looked_at.size - 1)) for share in (_TAIL, 1.0 - _TAIL)]
    low, high = (float(each) for each in np.partition(looked_at, places)[places])
    # Halves, so that the distance of two huge numbers can't overflow.
    room = (high / 4 - low / 4) * 4 * _ROOM if abs(high) + abs(low) < 1e300 else 0.0
    if room <= 0.0:
        return float(values.min()), float(values.max())
    inside = values[(values >= low - room) & (values <= high + room)]
    return float(inside.min()), float(inside.max())


def outside(values: Floats, low: float, high: float) -> int:
    """How many values lie beyond the ends of an axis."""
    return int(np.count_nonzero(values < low) + np.count_nonzero(values > high))
