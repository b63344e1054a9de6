"""The level of a loss, by the medians of short stretches, and whether it has fallen to a worse one."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardrun.series.robust import median, scaled_mad

FloatArray = NDArray[np.float64]

SHIFT: Final = 0.25
"""Of the best level, and of all that was gained since the beginning: less may be noise."""
NOISE_SIGMAS: Final = 5.0
_RECENT: Final = 8


@dataclass(frozen=True, slots=True)
class Shift:
    """A level that is worse than the best one."""

    first_step: int
    best_step: int
    best: float
    threshold: float
    level: float
    noise: float
    stretches: int
    """How many stretches in a row lie above the threshold."""
    falling: bool
    """The newer half of them is clearly lower than the older half."""


class Level:
    """Feeds on one value at a time; every ``stretch`` values make one level (their median).

    Non-finite values are left out: another rule's business.
    """

    __slots__ = (
        "_above",
        "_buffer",
        "_first_step",
        "_recent",
        "best",
        "best_step",
        "initial",
        "noise",
        "stretch",
    )

    def __init__(self, stretch: int) -> None:
        self.stretch = stretch
        self.initial: float | None = None
        """The first level."""
        self.best: float | None = None
        self.best_step = 0
        self.noise = 0.0
        """Robust standard deviation of one value at the best level."""
        self._buffer: list[float] = []
        self._above = 0
        self._first_step = 0
        self._recent: deque[float] = deque(maxlen=_RECENT)

    @property
    def above(self) -> int:
        """How many stretches in a row lie above the threshold."""
        return self._above

    def take(self, step: int, value: float) -> bool:
        """One more value; whether it made a level."""
        if not math.isfinite(value):
            return False
        self._buffer.append(value)
        if len(self._buffer) < self.stretch:
            return False
        self._take_level(step, median(self._buffer), self._buffer)
        self._buffer.clear()
        return True

    def skim(self, steps: FloatArray, values: FloatArray) -> bool:
        """Take many values at once if the level stays good; else change nothing and return False."""
        if self._above or not np.isfinite(values).all():
            return False
        joined = np.concatenate((self._buffer, values))
        whole = len(joined) // self.stretch
        if whole and self.best is None:
            return False
        rows = joined[: whole * self.stretch].reshape(whole, self.stretch)
        half, odd = divmod(self.stretch, 2)
        ordered = np.sort(rows, axis=1)
        levels = ordered[:, half] if odd else ordered[:, half - 1] / 2 + ordered[:, half] / 2
        best, limit = self.best, self.threshold()
        records = []
        for index, level in enumerate(levels.tolist()):
            if best is not None and level > limit:
                # A better level within these would only lower the limit: look at them one by one.
                return False
            if best is None or level < best:
                records.append(index)
                best = level
                limit = self._threshold(best, scaled_mad(rows[index].tolist()))
        if records:
            last = records[-1]
            self.best = best
            self.noise = scaled_mad(rows[last].tolist())
            self.best_step = int(steps[(last + 1) * self.stretch - len(self._buffer) - 1])
        if whole:
            self._recent.extend(levels[-_RECENT:].tolist())
        self._buffer = joined[whole * self.stretch :].tolist()
        return True

    def threshold(self) -> float:
        """Above this the level counts as worse; infinity before there is one."""
        return math.inf if self.best is None else self._threshold(self.best, self.noise)

    def _threshold(self, best: float, noise: float) -> float:
        gained = 0.0 if self.initial is None else max(0.0, self.initial - best)
        return best + max(SHIFT * abs(best), SHIFT * gained, NOISE_SIGMAS * noise)

    def _take_level(self, step: int, level: float, values: list[float]) -> None:
        if self.initial is None:
            self.initial = level
        self._recent.append(level)
        if self.best is None or level < self.best:
            self.best, self.best_step, self.noise = level, step, scaled_mad(values)
            self._above = 0
        elif level > self.threshold():
            if not self._above:
                self._first_step = step
            self._above += 1
        else:
            self._above = 0

    def shift(self) -> Shift | None:
        """The worse level that lasts, or None."""
        if not self._above or self.best is None:
            return None
        recent = list(self._recent)[-self._above :]
        half = len(recent) // 2
        falling = half > 0 and median(recent[half:]) - self.best < 0.8 * (median(recent[:half]) - self.best)
        return Shift(
            first_step=self._first_step,
            best_step=self.best_step,
            best=self.best,
            threshold=self.threshold(),
            level=median(recent),
            noise=self.noise,
            stretches=self._above,
            falling=falling,
        )
