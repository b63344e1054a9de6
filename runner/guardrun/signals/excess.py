"""A value that stays far above what it was: one detector for losses and gradient norms.

The base is the running median of the values before the excess began, and it stands still while the excess
lasts, so that a long explosion cannot make itself normal. Distances are measured in multiples of the base
and of its noise (MAD), so that scale does not matter and values near zero or below it work too.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardrun.series.robust import NORMAL_MAD, RunningMedian, median

FloatArray = NDArray[np.float64]

WINDOW: Final = 50
RECENT: Final = 10
NOISE_SIGMAS: Final = 8.0
SHORT_BASE: Final = 10
SHORT_BASE_FACTOR: Final = 10.0
"""A median of fewer values may be a lucky start: it takes ten times more to be above it."""


@dataclass(frozen=True, slots=True)
class Excess:
    """The excess that lasts at this moment."""

    first_step: int
    length: int
    base: float
    threshold: float
    value: float
    """Median of the last ``RECENT`` values of the excess."""
    lowest: float
    """Lowest of the same."""
    recovering: bool
    """The newer half of them is clearly lower than the older half."""


class SustainedExcess:
    """Feeds on one value at a time; ``current`` is the excess that lasts, if any."""

    __slots__ = (
        "_early", "_factor", "_fewest", "_length", "_recent", "_start", "_threshold", "base", "initial",
    )  # fmt: skip

    def __init__(self, factor: float, *, fewest: int = 1) -> None:
        self._factor = factor
        self._fewest = fewest
        """Values of the base before anything counts as above it."""
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._early = 0
        self._start = 0
        self._length = 0
        self._threshold = math.inf
        self.base = RunningMedian(WINDOW)
        """The values before the excess; those of excesses stay out."""
        self.initial: float | None = None
        """Where the run began: the first value, then the median of the first ten."""

    def take(self, step: int, value: float) -> None:
        """One more value. NaN is ignored (another rule's business); infinity is an excess."""
        if math.isnan(value):
            return
        if not self._length and value > self.base.largest and self.base:
            self._threshold = self._limit()
        if value > self._threshold:
            self._extend(step, value)
            return
        self._length = 0
        self._threshold = math.inf
        if math.isfinite(value):
            self.base.push(value)
            if self._early < SHORT_BASE:
                self._early += 1
                self.initial = self.base.median

    def skim(self, values: FloatArray) -> bool:
        """Take many values at once if none begins or continues an excess; else change nothing: False."""
        if not len(values):
            return True
        if self._length or self._early < SHORT_BASE or len(self.base) < WINDOW:
            return False
        if not np.isfinite(values).all():
            return False
        joined = np.concatenate((self.base.values(), values))
        windows = np.lib.stride_tricks.sliding_window_view(joined, WINDOW)[:-1]
        records = np.flatnonzero(values > _running_maximum(joined)[:-1])
        if len(records) and (values[records] > self._limits(windows[records])).any():
            return False
        self.base.renew(joined[-WINDOW:])
        return True

    def _limits(self, windows: FloatArray) -> FloatArray:
        """``_limit`` for many full windows, in the same arithmetic."""
        base = _medians(windows)
        noise = NORMAL_MAD * _medians(np.abs(windows - base[:, None]))
        limit = np.maximum(
            base + np.maximum((self._factor - 1) * np.abs(base), NOISE_SIGMAS * noise), windows.max(axis=1)
        )
        return np.where((base == 0) & (noise == 0), math.inf, limit)

    def _extend(self, step: int, value: float) -> None:
        if not self._length:
            self._start = step
            self._recent.clear()
            # A run that explodes at once never shows more of where it began.
            self._early = SHORT_BASE
        self._length += 1
        self._recent.append(value)

    def _limit(self) -> float:
        if len(self.base) < self._fewest:
            return math.inf
        base, noise = self.base.median, self.base.scaled_mad()
        if not base and not noise:
            return math.inf  # nothing but zeros so far: no scale to measure by
        factor = self._factor if len(self.base) >= SHORT_BASE else SHORT_BASE_FACTOR
        return max(base + max((factor - 1) * abs(base), NOISE_SIGMAS * noise), self.base.largest)

    @property
    def length(self) -> int:
        return self._length

    def current(self) -> Excess | None:
        """The excess that lasts, or None."""
        if not self._length:
            return None
        recent = list(self._recent)
        half = len(recent) // 2
        base = self.base.median
        recovering = half > 0 and median(recent[half:]) - base < 0.7 * (median(recent[:half]) - base)
        return Excess(
            first_step=self._start,
            length=self._length,
            base=base,
            threshold=self._threshold,
            value=median(recent),
            lowest=min(recent),
            recovering=recovering,
        )


def _running_maximum(values: FloatArray) -> FloatArray:
    """The largest of every ``WINDOW`` values in a row, by doubling: six passes in place of fifty."""
    width, found = 1, values
    while 2 * width <= WINDOW:
        found = np.maximum(found[:-width], found[width:])
        width *= 2
    rest = WINDOW - width
    return np.maximum(found[: len(found) - rest], found[rest:]) if rest else found


def _medians(rows: FloatArray) -> FloatArray:
    """The median of every row of ``WINDOW`` values, exactly as ``robust.median`` computes it."""
    ordered = np.sort(rows, axis=1)
    half, odd = divmod(WINDOW, 2)
    lower: FloatArray = ordered[:, half]
    return lower if odd else ordered[:, half - 1] / 2 + lower / 2
