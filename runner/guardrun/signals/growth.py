"""Whether something grows steadily, towards which end, and whether it is flattening.

The whole course is kept at a coarse resolution: up to ``BINS`` stretches of equal time with the lowest value
of each, so that a saw-tooth (garbage, workers of an epoch, checkpoints that come and go) counts by its base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, NamedTuple

from guardrun.series.robust import mann_kendall_z, median
from guardrun.signals.context import Context
from guardrun.signals.model import Point

BINS: Final = 64
FEWEST: Final = 16
FIRST_WIDTH_S: Final = 2.0
SURE_Z: Final = 3.0
USED_UP: Final = 1 / 3
"""So much of what was left must be gone before the rest is foretold: what fills to a plateau looks the same
as a leak while it fills."""
STEADY: Final = 0.5
"""The newest quarter's growth in units of the mean of those before; less is flattening."""
LUMP: Final = 0.6
"""No quarter brings more than this share of the growth: a single step is no growth."""
_LONGEST_S: Final = 3e8


class _Bin(NamedTuple):
    number: int
    step: int
    low: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """A steady growth that goes on until ``limit``."""

    first_step: int
    began: float
    level: float
    limit: float
    per_hour: float
    seconds_left: float
    grown: float
    z: float


class Growth:
    """Feeds on (t, value); constant memory."""

    __slots__ = ("_bins", "_start", "_width")

    def __init__(self) -> None:
        self._bins: list[_Bin] = []
        self._start = 0.0
        self._width = FIRST_WIDTH_S

    def take(self, t: float, step: int, value: float) -> bool:
        """One more value, in order of time; whether a new stretch began with it."""
        if not math.isfinite(value):
            return False
        if not self._bins:
            self._start = t
        if not 0 <= t - self._start < _LONGEST_S:
            return False
        number = int((t - self._start) / self._width)
        while number >= BINS:
            self._merge()
            number //= 2
        last = self._bins[-1] if self._bins else None
        if last is not None and number <= last.number:
            if value < last.low:
                self._bins[-1] = last._replace(low=value)
            return False
        self._bins.append(_Bin(number, step, value))
        return True

    def _merge(self) -> None:
        merged: list[_Bin] = []
        for each in self._bins:
            number = each.number // 2
            if merged and merged[-1].number == number:
                merged[-1] = merged[-1]._replace(low=min(merged[-1].low, each.low))
            else:
                merged.append(each._replace(number=number))
        self._bins = merged
        self._width *= 2

    @property
    def base(self) -> float:
        """The lowest value of the newest quarter; minus infinity before there is one."""
        newest = self._bins[-1 - len(self._bins) // 4 : -1]
        return min((each.low for each in newest), default=-math.inf)

    def outlook(self, limit: float) -> Outlook | None:
        """The steady growth that reaches ``limit``: over the whole course, or over its newer half if that
        grows no slower than the older one."""
        known = self._bins[:-1]
        middle = len(known) // 2
        found = self._judge(known, limit)
        if found is None and middle >= FEWEST:
            before, after = known[:middle], known[middle:]
            if after[-1].low - after[0].low >= before[-1].low - before[0].low:
                return self._judge(after, limit)
        return found

    def _judge(self, bins: Sequence[_Bin], limit: float) -> Outlook | None:
        if len(bins) < FEWEST:
            return None
        lows = [each.low for each in bins]
        level, room = lows[-1], limit - lows[0]
        if room <= 0 or level - lows[0] < USED_UP * room or level >= limit:
            return None
        size = len(lows) // 4
        span = (bins[-1].number - bins[-1 - size].number) * self._width
        rise = _steady_rise(lows, limit)
        if rise is None or rise <= 0 or span <= 0:
            return None
        z = _trend(lows)
        if z < SURE_Z:
            return None
        rate = rise / span
        return Outlook(
            first_step=bins[0].step,
            began=self._start + bins[0].number * self._width,
            level=level,
            limit=limit,
            per_hour=3600 * rate,
            seconds_left=(limit - level) / rate,
            grown=level - lows[0],
            z=z,
        )


def _steady_rise(lows: Sequence[float], limit: float) -> float | None:
    """The growth in a quarter of the course; None where it is not steady or will end below ``limit``.

    Growth that shrinks from quarter to quarter by a factor goes on as a geometric series does.
    """
    size = len(lows) // 4
    quarters = [median(lows[len(lows) - (4 - k) * size : len(lows) - (3 - k) * size]) for k in range(4)]
    first, second, third = (b - a for a, b in pairwise(quarters))
    whole = first + second + third
    if min(first, second, third) <= 0 or max(first, second, third) > LUMP * whole:
        return None
    if third < STEADY * (first + second) / 2:
        return None
    shrinks = math.sqrt(third / first)
    if shrinks < 1 and quarters[-1] + third * shrinks / (1 - shrinks) <= limit:
        return None
    return (second + third) / 2


class Horizon:
    """How long the run will still take, from how far it came since this began to look."""

    __slots__ = ("_context", "_first", "epoch")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._first: tuple[float, float] | None = None
        self.epoch: int | None = None
        """The newest epoch that was told."""

    def take_phase(self, point: Point) -> None:
        if point.epoch is not None:
            self.epoch = point.epoch

    def seconds_left(self, point: Point) -> float | None:
        """None: the length is not known (yet)."""
        share = self._context.share(replace(point, epoch=self.epoch))
        if share is None or not 0 <= share <= 1:
            return None
        if self._first is None:
            self._first = (point.t, share)
        elapsed, gained = point.t - self._first[0], share - self._first[1]
        return elapsed * (1 - share) / gained if gained > 0 and elapsed > 0 else None

    @property
    def in_first_epoch(self) -> bool:
        """Of several: then caches may fill that are full after it."""
        total = self._context.total_epochs
        return self.epoch == 0 and total is not None and total > 1


def _trend(values: Sequence[float]) -> float:
    signs = sum((b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :])
    return mann_kendall_z(signs, len(values))
