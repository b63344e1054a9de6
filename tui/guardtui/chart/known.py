"""What earlier drawings found out about a growing curve, so that the next one looks only at new points.

A curve of a live run is a longer view of the same column each time. That x never goes back and that no value
is missing is then checked for the new points alone, and a moving average goes on from where it was. Pure in
effect: with and without it the same picture is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guardrun.series.downsample import usable_x
from guardrun.series.smoothing import Average, Grown
from guardtui.chart.model import Curve, Floats
from guardtui.chart.scale import decimal_log

_TAME = 1e280
"""Sums of so small values can't overflow."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Facts about the points of one curve."""

    x: Floats
    y: Floats
    plain: bool
    """x is usable and never goes back, y is finite and no sum of it can overflow."""
    positive: bool
    """Every y is above zero."""
    derived: Derived


class Derived:
    """Columns computed from a curve's values, which grow with them."""

    __slots__ = ("_average", "_logs", "_made_for")

    def __init__(self) -> None:
        self._made_for: tuple[float, bool] | None = None
        self._average = Average(0.5)
        self._logs = Grown()

    def logs(self, y: Floats) -> Floats:
        """The decimal logarithms of all values, as ``decimal_log`` has them."""
        return self._logs.of(y, lambda values, _: decimal_log(values))

    def average(self, y: Floats, weight: float, *, log: bool) -> Floats:
        """The debiased exponential average of finite values: of one kind at a time."""
        if self._made_for != (weight, log):
            self._made_for, self._average = (weight, log), Average(weight)
        return self._average.of(y)


def learn(curve: Curve, before: Known | None) -> Known:
    """The facts about a curve, with those about its earlier points from the drawing before."""
    x, y = curve.x, curve.y
    if before is None or not _goes_on(before, curve):
        return Known(x, y, _is_plain(x, y), bool((y > 0).all()), Derived())
    if x.size == before.x.size:
        return before
    seen = max(0, before.x.size - 1)
    plain = before.plain and _is_plain(x[seen:], y[seen:])
    positive = before.positive and bool((y[seen:] > 0).all())
    return Known(x, y, plain, positive, before.derived)


def _goes_on(before: Known, curve: Curve) -> bool:
    """Whether the curve's arrays begin with those of the drawing before: the same memory, which that one
    holds, so that it can't be used for anything else. What may be written to is always looked at anew."""
    return before.x.size <= curve.x.size and _begins(before.x, curve.x) and _begins(before.y, curve.y)


def _begins(old: Floats, new: Floats) -> bool:
    same = old.__array_interface__["data"][0] == new.__array_interface__["data"][0]
    return bool(same and old.strides == new.strides and not new.flags.writeable and old.size > 0)


def _is_plain(x: Floats, y: Floats) -> bool:
    if not (usable_x(x).all() and (x[1:] >= x[:-1]).all()):
        return False
    return bool((np.abs(y) < _TAME).all())
