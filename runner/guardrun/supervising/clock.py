"""The time as budgets and silence are measured by it."""

from __future__ import annotations

import time


class Clock:
    """Unix seconds that no correction of the clock moves and in which a machine that sleeps stands still."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._offset = time.time() - time.monotonic()
        self._last = float("-inf")

    def due(self) -> float | None:
        """The time, once every so many seconds."""
        now = time.monotonic()
        if now - self._last < self._every:
            return None
        self._last = now
        return self._offset + now

    def now(self) -> float:
        """The time."""
        return self._offset + time.monotonic()
