"""From values to positions between 0 and 1, and limits that move in nice steps, so that cells already
drawn stay as they are while a run goes on. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

X_END_GRID = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Mantissas at which a growing x axis ends: at most a third of it is ever empty."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_HALF_DECADES = (0.0, math.log10(2.0), math.log10(5.0))
_SMALLEST = 1e-300
"""Ranges narrower than this are widened: below it powers of ten lose their digits."""
_FLOAT_MAX = float(np.finfo(np.float64).max)
_WIDEST = 1e299
_KEEP_WHILE_FILLED = 0.4
"""Old limits stay while the data inside them fills at least this share of them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A range of an axis; ``low < high``. On a log axis both are exponents of ten."""

    low: float
    high: float
    step: float
    """A nice distance of which both ends are multiples (whole decades on a log axis)."""
    log: bool = False

    def position(self, values: Floats) -> Floats:
        """0 at ``low``, 1 at ``high``; values in the axis's own terms (exponents on a log axis)."""
        span = self.high - self.low
        with np.errstate(over="ignore"):  # far outside is infinitely far
            if math.isfinite(span):
                return (values - self.low) / span
            return (values * 0.25 - self.low * 0.25) / (self.high * 0.25 - self.low * 0.25)

    def value(self, position: float) -> float:
        """The value at a position, the inverse of :meth:`position`."""
        return self.low * (1.0 - position) + self.high * position


def nice_step(distance: float) -> float:
    """The smallest of 1, 2, 2.5 or 5 times a power of ten that is at least ``distance``."""
    if not _SMALLEST < distance < 1e307:
        return _SMALLEST if distance <= _SMALLEST else 1e308
    exponent = math.floor(math.log10(distance))
    for mantissa in _NICE:
        step = _times_power(mantissa, exponent)
        if step >= distance * (1 - 1e-9):
            return step
    return _times_power(1.0, exponent + 1)


def _times_power(mantissa: float, exponent: int) -> float:
    """mantissa * 10**exponent as the nearest float, as if it were written out in decimal."""
    return float(f"{mantissa}e{exponent}")


def value_limits(low: float, high: float, before: Limits | None) -> Limits:
    """Limits of a linear value axis around finite ``low <= high``."""
    if before is not None and _still_fits(before, low, high, log=False):
        return before
    low, high = _widened(low, high)
    step = nice_step(high / 4 - low / 4)
    step = max(step, _resolution(low, high))
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    if not bottom < top:
        top = bottom + step
    return Limits(max(bottom, -_FLOAT_MAX), min(top, _FLOAT_MAX), step)


def _resolution(low: float, high: float) -> float:
    """A nice distance that floats of this size can still tell apart."""
    return nice_step(4 * math.ulp(max(abs(low), abs(high))))


def _widened(low: float, high: float) -> tuple[float, float]:
    """A flat or nearly flat curve gets room: it lies in the middle, with zero at the edge."""
    size = max(abs(low), abs(high))
    if high - low > 16 * math.ulp(size) and high - low > 4 * _SMALLEST:
        return low, high
    if size <= 4 * _SMALLEST:
        return -1.0, 1.0
    middle = low / 2 + high / 2
    return (0.0, min(2 * middle, _FLOAT_MAX)) if middle > 0 else (max(2 * middle, -_FLOAT_MAX), 0.0)


def _still_fits(before: Limits, low: float, high: float, *, log: bool) -> bool:
    if before.log is not log or low < before.low or high > before.high:
        return False
    if high == low:
        return True
    return high / 2 - low / 2 >= _KEEP_WHILE_FILLED * (before.high / 2 - before.low / 2)


def log_limits(low: float, high: float, before: Limits | None) -> Limits:
    """Limits of a log axis around exponents of ten: 1, 2 or 5 times a power of ten below two decades,
    whole decades above."""
    if before is not None and _still_fits(before, low, high, log=True):
        return before
    if high - low < 1e-9:
        low, high = low - 0.3, high + 0.3
    grid = _HALF_DECADES if high - low < 2.0 else (0.0,)
    bottom = max(decade + part for decade in _around(low) for part in grid if decade + part <= low + 1e-9)
    top = min(decade + part for decade in _around(high) for part in grid if decade + part >= high - 1e-9)
    return Limits(bottom, max(top, bottom + 0.3), 1.0, log=True)


def _around(exponent: float) -> tuple[float, float, float]:
    whole = float(math.floor(exponent + 1e-9))
    return whole - 1.0, whole, whole + 1.0


def step_limits(low: float, high: float, before: Limits | None) -> Limits:
    """Limits of the x axis: it starts at zero where the data begins near it, and ends on a coarse grid."""
    if before is not None and before.low <= low and high <= before.high:
        used, had = high - before.low, before.high - before.low
        if high == low or (used >= _KEEP_WHILE_FILLED * had and (high - low) >= _KEEP_WHILE_FILLED * had):
            return before
    if not high - low > _resolution(low, high):
        if high == low and 0 <= low <= 1e6:
            return Limits(0.0, _grid_end(max(high, 1.0)), 1.0)
        room = max(1.0, _resolution(low, high))
        return Limits(low - room, high + room, room)
    if 0 <= low <= 0.25 * high:
        return Limits(0.0, _grid_end(high), 1.0)
    step = nice_step(high / 8 - low / 8)
    start = max(math.floor(low / step) * step, -_FLOAT_MAX)
    end = min(start + _grid_end(high - start), _FLOAT_MAX)
    return Limits(start, end, step)


def _grid_end(length: float) -> float:
    """The next length on the grid 1, 1.25, 1.5, 2 … 10 times a power of ten."""
    if not _SMALLEST < length < 1e308:
        return 1.0 if length <= _SMALLEST else _FLOAT_MAX
    exponent = math.floor(math.log10(length))
    for mantissa in X_END_GRID:
        end = _times_power(mantissa, exponent)
        if end >= length:
            return end
    return _times_power(1.0, exponent + 1)


def spread_evenly(limits: Limits, parts: int) -> Floats:
    """The ``parts + 1`` edges that cut the range into equal parts: never falling, both ends exact."""
    share = np.arange(parts + 1) / parts
    edges: Floats = np.maximum.accumulate(limits.low * (1.0 - share) + limits.high * share)
    return np.minimum(edges, limits.high)


def window_limits(window: tuple[float, float]) -> Limits:
    """The limits of a window that somebody chose, as they are."""
    if math.isnan(window[0]) or math.isnan(window[1]):
        return Limits(0.0, 1.0, 1.0)
    low, high = (max(-_WIDEST, min(_WIDEST, end)) for end in sorted(window))
    if not high - low > _resolution(low, high):
        room = max(1.0, _resolution(low, high))
        low, high = low - room, high + room
    return Limits(low, high, nice_step(high / 8 - low / 8))


def decimal_log(values: Floats) -> Floats:
    """log10 where values are positive; NaN at zero and below; infinities stay."""
    logs = np.full(values.shape, np.nan)
    np.log10(values, out=logs, where=values > 0)
    logs[np.isneginf(values)] = -np.inf
    return logs
