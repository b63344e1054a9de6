"""How many of the last values are remarkable: a median's verdict at the price of a counter.

More than half of a window above a limit is the same as its median above the limit, and needs no sorting.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray


class Majority:
    """Counts the flags that are set among the last ``window`` ones."""

    __slots__ = ("_flags", "count")

    def __init__(self, window: int) -> None:
        self._flags: deque[bool] = deque(maxlen=window)
        self.count = 0

    def __len__(self) -> int:
        return len(self._flags)

    @property
    def full(self) -> bool:
        return len(self._flags) == self._flags.maxlen

    @property
    def holds(self) -> bool:
        """Whether more than half of what is in the window is set."""
        return 2 * self.count > len(self._flags)

    def take(self, flag: bool) -> None:
        flags = self._flags
        if len(flags) == flags.maxlen and flags[0]:
            self.count -= 1
        flags.append(flag)
        if flag:
            self.count += 1

    def skim(self, flags: NDArray[np.bool_]) -> bool:
        """Take many at once if the window is full and its majority is set at none of them; else change
        nothing: False."""
        if not len(flags):
            return True
        if not self.full or ((self.count or flags.any()) and self._ever(flags)):
            return False
        self._flags.extend(flags[-len(self._flags) :].tolist())
        self.count = sum(self._flags)
        return True

    def _ever(self, flags: NDArray[np.bool_]) -> bool:
        window = len(self._flags)
        joined = np.concatenate((np.fromiter(self._flags, bool, window), flags))
        sums = np.concatenate(([0], np.cumsum(joined)))
        return bool((2 * (sums[window + 1 :] - sums[1:-window]) > window).any())
