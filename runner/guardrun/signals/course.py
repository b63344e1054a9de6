"""What a series has gained since it began, without being fooled by one lucky value."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import Final

from guardrun.series.robust import NORMAL_MAD, mann_kendall_z, median
from guardrun.signals.drift import Drift

RECENT: Final = 10
SMOOTHING: Final = 5


class Course:
    """Feeds on finite values of which less is better. Constant work and memory."""

    __slots__ = ("_last", "_trend", "best", "count", "level", "recent", "smooth_best", "start")

    def __init__(self, *, trend: bool = True) -> None:
        self.count = 0
        self.start = 0.0
        """The first value."""
        self.best = math.inf
        self.level = math.inf
        """Median of the last five."""
        self.smooth_best = math.inf
        """The lowest such median (of the first value, the first two … at the beginning)."""
        self.recent: deque[float] = deque(maxlen=RECENT)
        self._last: deque[float] = deque(maxlen=SMOOTHING)
        self._trend = Drift() if trend else None

    def take(self, value: float) -> None:
        """One more value."""
        self.count += 1
        self.recent.append(value)
        self._last.append(value)
        if self.count == 1:
            self.start = value
        self.best = min(self.best, value)
        self.level = median(self._last)
        self.smooth_best = min(self.smooth_best, self.level)
        if self._trend is not None:
            self._trend.take(value)

    @property
    def gain(self) -> float:
        """From the start to the lowest smoothed level."""
        return max(0.0, self.start - self.smooth_best) if self.count else 0.0

    @property
    def trend_z(self) -> float:
        """Mann-Kendall score of all values; negative: they become better. 0 where it is not kept."""
        if self._trend is None:
            return 0.0
        return mann_kendall_z(self._trend.sign_sum, self._trend.sampled)

    def noise(self) -> float:
        """Robust standard deviation of one value, from recent differences."""
        values = list(self.recent)
        if len(values) < 4:
            return 0.0
        changes = [after - before for before, after in pairwise(values)]
        centre = median(changes)
        return NORMAL_MAD * median([abs(change - centre) for change in changes]) / math.sqrt(2)
