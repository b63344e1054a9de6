"""What a chart's curves say at one place: the nearest point of each, as text. Pure."""

from __future__ import annotations

import math

import numpy as np

from guardrun.series.downsample import monotone_pieces, usable_x
from guardtui.chart.model import Curve, Floats
from guardtui.chart.ticks import short

_MOST_PIECES = 64


def value_text(curve: Curve, index: int, unit: str) -> str:
    """One value of a curve; of a mean also its standard deviation, where it is of several runs."""
    value = short(float(curve.y[index]), unit)
    if curve.spread is None or curve.spread.count[index] < 2:
        return value
    away = float(curve.spread.high[index]) / 2 - float(curve.spread.low[index]) / 2
    return f"{value} ±{short(away, unit)}"


def nearest(curve: Curve, x: float) -> tuple[float, float] | None:
    """The curve's point (x, y) whose x lies nearest; of a repeated step the newest. None without points."""
    index = nearest_index(curve.x, x)
    return None if index is None else (float(curve.x[index]), float(curve.y[index]))


def nearest_index(along: Floats, x: float) -> int | None:
    """The index of the value nearest to ``x``, of equally near ones the newest. None without any."""
    if not np.isfinite(x) or along.size == 0:
        return None
    usable = usable_x(along)
    if not usable.all():
        places = np.flatnonzero(usable)
        found = nearest_index(along[places], x)
        return None if found is None else int(places[found])
    pieces = monotone_pieces(along)
    if len(pieces) > _MOST_PIECES:
        distances = np.abs(along / 2 - x / 2)
        return int(np.flatnonzero(distances == distances.min())[-1])
    best, least = 0, math.inf
    for piece in pieces:
        for index in _candidates(along[piece], x):
            distance = abs(float(along[piece.start + index]) / 2 - x / 2)
            if distance <= least:
                best, least = piece.start + index, distance
    return best


def _candidates(rising: Floats, x: float) -> list[int]:
    """The last value at or below ``x``, and the newest of those that follow."""
    after = int(np.searchsorted(rising, x, side="right"))
    found = [after - 1] if after else []
    if after < rising.size:
        found.append(int(np.searchsorted(rising, rising[after], side="right")) - 1)
    return found
