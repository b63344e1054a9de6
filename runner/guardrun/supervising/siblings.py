"""How the other runs of the group are doing, looked up now and then while this one trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from guardrun.following.group_curves import GroupCurves
from guardrun.signals.siblings import Sibling

OFTEN_S: Final = 2.0
RARELY_S: Final = 30.0
"""Between two sweeps: a hundred times what the last one took, within these."""
_COST: Final = 100.0
_SLICE_S: Final = 0.01
"""Longest time a turn of the supervisor gives to its siblings."""


class SiblingWatch:
    """Sweeps over the group's curves, a slice a turn, and hands over what a whole sweep found."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._curves: GroupCurves | None = None
        self._by: tuple[str | None, str] = (None, "min")
        self._due = 0.0
        self._spent = 0.0

    def turn(self, monitor: str | None, mode: str) -> tuple[Sibling, ...] | None:
        """The siblings' curves by that monitor, when a sweep ended in this turn; else None."""
        if (monitor, mode) != self._by:
            self._by = (monitor, mode)
            self._curves = None if monitor is None else GroupCurves(self._root, monitor, mode)
            self._due = 0.0
        now = self._clock()
        if self._curves is None or self._curves.group is None or now < self._due:
            return None
        ended = self._curves.turn(_SLICE_S)
        self._spent += self._clock() - now
        if not ended:
            return None
        self._due = self._clock() + min(RARELY_S, max(OFTEN_S, _COST * self._spent))
        self._spent = 0.0
        return self._curves.siblings
