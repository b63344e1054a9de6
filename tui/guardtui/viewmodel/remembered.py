"""What was made of a run, kept as long as the run looks the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from guardtui.snapshot import RunView

Made = TypeVar("Made")


class Remembered(Generic[Made]):
    """``make(view)``, once for each view: the feed hands out the same object while nothing changed."""

    def __init__(self, make: Callable[[RunView], Made]) -> None:
        self._make = make
        self._kept: dict[Path, tuple[RunView, Made]] = {}

    def of(self, view: RunView) -> Made:
        """What is made of this view."""
        kept = self._kept.get(view.path)
        if kept is not None and kept[0] is view:
            return kept[1]
        made = self._make(view)
        self._kept[view.path] = (view, made)
        return made

    def let_go(self, listed: int) -> None:
        """Forget runs that are gone, when there are many of them among ``listed`` ones."""
        if too_many(len(self._kept), listed):
            self._kept.clear()


def too_many(kept: int, listed: int) -> bool:
    """Whether so many more are kept than listed that it is worth the work to make some anew."""
    return kept > listed + listed // 4 + 20
