"""How fast a run is and how long it will take, from its newest rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MOST_SECONDS: Final = 10 * 365 * 86400.0
"""A longer estimate says nothing."""


@dataclass
class Recent:
    """The newest metrics rows, column by column; never changed, so that what is counted is counted once."""

    attempt: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    step: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    t: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    step_time: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @cached_property
    def step_rate(self) -> float | None:
        """Optimizer steps a second over the rows of the newest attempt; None when too few rows tell.

        Pauses for evaluations and checkpoints count, so that an ETA made from it includes those to come.
        """
        if not len(self.step):
            return None
        chosen = (self.attempt == self.attempt[-1]) & np.isfinite(self.step) & np.isfinite(self.t)
        steps, times = self.step[chosen], self.t[chosen]
        if len(steps) < 2:
            return None
        done, took = float(steps[-1] - steps[0]), float(times[-1] - times[0])
        return done / took if done > 0 and took > 0 else None

    @cached_property
    def slow_step_s(self) -> float | None:
        """The 99th percentile of the seconds between two rows, or of step_time where that is longer.

        A training that logs every hundredth step is silent for a hundred steps and well. None without rows.
        """
        if not len(self.t):
            return None
        same = self.attempt == self.attempt[-1]
        gaps = np.diff(self.t[same & np.isfinite(self.t)])
        gaps = gaps[gaps >= 0]
        logged = self.step_time[same & np.isfinite(self.step_time)]
        return max((_percentile_99(values) for values in (gaps, logged) if len(values)), default=None)


def eta_seconds(step: int, total_steps: int | None, rate: float | None) -> float | None:
    """Seconds until ``total_steps`` at this rate; None when either is unknown."""
    if total_steps is None or rate is None or rate <= 0:
        return None
    left = max(0, total_steps - step) / rate
    return left if left <= _MOST_SECONDS else None


def _percentile_99(values: NDArray[np.float64]) -> float:
    """As ``np.percentile``, which takes five times as long; it is asked for at every batch of rows."""
    ordered = np.sort(values)
    place = 0.99 * (len(ordered) - 1)
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return low + (high - low) * (place - below)


def planned_steps(total_steps: int | None, total_epochs: int | None, per_epoch: int | None) -> int | None:
    """Steps of the whole run, from what was told."""
    if total_steps is not None:
        return total_steps or None
    return total_epochs * per_epoch or None if total_epochs and per_epoch else None
