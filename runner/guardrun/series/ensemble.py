"""Several runs' curves of one metric as their mean and spread. Pure.

Runs rarely log at the very same places: between two points of a run its value is on the line between them,
beyond its ends it has none. A value that is not finite is no value, and neither is what lies between it and
its neighbours: the mean is then that of the other runs, the count says of how many, and where it happened
first is told for each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from guardrun.series.downsample import usable_x

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]

_MOST_PLACES: Final = 200_000
_BINS: Final = 2000
"""Parts of the axis, where the places of all runs together are many more than those of one."""
_LARGEST: Final = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Arrays of equal length, in the order of x."""

    x: Floats
    mean: Floats
    """NaN where no run has a finite value."""
    std: Floats
    """Of the runs around their mean (n - 1); 0 where there is one run."""
    low: Floats
    high: Floats
    count: Ints
    """Runs with a finite value."""
    first_bad: tuple[float | None, ...]
    """Of each run, in the order given, the x of its first value that was not finite."""


def ensemble(curves: Sequence[tuple[Floats, Floats]]) -> Ensemble:
    """Mean and standard deviation of several curves (x, y) of float64, each in any order of x.

    Of a repeated x the last value counts: a resume has overwritten the others.
    """
    runs = [_ordered(x, y) for x, y in curves]
    first_bad = tuple(_first_bad(x, y) for x, y in runs)
    places, exact = _places([x for x, _ in runs])
    if not places.size:
        nothing = np.empty(0)
        return Ensemble(nothing, nothing, nothing, nothing, nothing, np.empty(0, np.intp), first_bad)
    rows = [_at(places, x, y) if exact else _binned(places, x, y) for x, y in runs]
    table = np.array(rows)
    finite = np.isfinite(table)
    count = finite.sum(axis=0)
    # A place at which no run has a point is no gap; one at which all values are NaN is.
    kept = (count > 0) | np.array([_bad_near(places, x, y) for x, y in runs]).any(axis=0)
    return _summary(places[kept], table[:, kept], count[kept], first_bad)


def _summary(x: Floats, table: Floats, count: Ints, first_bad: tuple[float | None, ...]) -> Ensemble:
    # Shares of the largest value, so that no sum and no square of huge numbers overflows.
    scale = float(np.max(np.abs(table), where=np.isfinite(table), initial=0.0)) or 1.0
    shares = np.where(np.isfinite(table), table, 0.0) / scale
    known = np.isfinite(table)
    some = np.maximum(count, 1)
    middle = np.where(count > 0, shares.sum(axis=0) / some, np.nan)
    away = np.where(known, shares - middle, 0.0)
    spread = np.sqrt((away**2).sum(axis=0) / np.maximum(count - 1, 1))
    with np.errstate(over="ignore", under="ignore"):
        mean, std = middle * scale, np.where(count > 0, spread * scale, np.nan)
        low, high = mean - std, mean + std
    return Ensemble(
        x, mean, std, np.clip(low, -_LARGEST, _LARGEST), np.clip(high, -_LARGEST, _LARGEST), count, first_bad
    )


def _ordered(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Points in the order of x, one for each x."""
    usable = usable_x(x)
    if not usable.all():
        x, y = x[usable], y[usable]
    if x.size and not (x[1:] > x[:-1]).all():
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
        last = np.append(x[1:] != x[:-1], True)
        x, y = x[last], y[last]
    return x, np.where(np.isfinite(y), y, np.nan)


def _first_bad(x: Floats, y: Floats) -> float | None:
    bad = np.flatnonzero(np.isnan(y))
    return float(x[bad[0]]) if bad.size else None


def _places(axes: list[Floats]) -> tuple[Floats, bool]:
    """Where the mean is taken: at every point of every run while those are about the same places (exact),
    else in the middle of equal parts of the axis."""
    axes = [x for x in axes if x.size]
    if not axes:
        return np.empty(0), True
    longest = max(x.size for x in axes)
    if len(axes) == 1:
        return axes[0], True
    if longest <= _MOST_PLACES:
        union = np.unique(np.concatenate(axes))
        if union.size <= max(2 * _BINS, longest + longest // 2):
            return union, True
    low, high = min(float(x[0]) for x in axes), max(float(x[-1]) for x in axes)
    share = (np.arange(_BINS) + 0.5) / _BINS
    return np.unique(low * (1.0 - share) + high * share), False


def _at(places: Floats, x: Floats, y: Floats) -> Floats:
    if x.size == places.size and np.array_equal(x, places):
        return y
    if not x.size:
        return np.full(places.size, np.nan)
    with np.errstate(all="ignore"):  # the line between two huge values of opposite sign
        return np.interp(places, x, y, left=np.nan, right=np.nan)


def _binned(places: Floats, x: Floats, y: Floats) -> Floats:
    """The mean of a run's points in each part of the axis; parts without one lie on the line between."""
    if not x.size or places.size < 2:
        return _at(places, x, y)
    part = _parts(places, x)
    count = np.bincount(part, minlength=places.size)
    # Shares are added, not values. A NaN makes its part's mean one.
    with np.errstate(invalid="ignore"):
        mean: Floats = np.bincount(part, y / count[part], places.size).astype(np.float64)
    filled = np.flatnonzero(count)
    return _at(places, places[filled], mean[filled])


def _parts(places: Floats, x: Floats) -> Ints:
    edges = places[:-1] / 2 + places[1:] / 2
    found: Ints = np.searchsorted(edges, x, side="right")
    return found


def _bad_near(places: Floats, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """At which places a value of the run was not finite."""
    near = np.zeros(places.size, bool)
    bad = x[np.isnan(y)]
    if bad.size:
        near[_parts(places, bad)] = True
    return near
