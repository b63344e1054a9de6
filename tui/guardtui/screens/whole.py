"""A screen that is first seen whole: not empty, then arranged, then with its curves."""

from __future__ import annotations

from typing import Final

from textual.timer import Timer

from guardtui.screens.board import BoardScreen

_PATIENCE_S: Final = 0.3
"""So long what was there before may stay; whoever waits longer wants to see that something happens."""
_SETTLED_S: Final = 0.03
"""Nothing more has been drawn for so long: it has its place."""


class WholeScreen(BoardScreen):
    """Paints nothing until everything that it was ``complete`` with has its place, or until it took too long.

    Over a slow line each painting costs: an empty screen, its layout and its curves were twice the bytes.
    """

    _painting = False
    _complete = False
    _settling: Timer | None = None

    def on_mount(self) -> None:
        """Wait, but not for long."""
        self.set_timer(_PATIENCE_S, self._paint)

    def on_screen_resume(self) -> None:
        """Seen again: the toolkit would paint it three times."""
        if self._painting:
            self._painting = False
            self._complete = True
            self._settle()
            self.set_timer(_PATIENCE_S, self._paint)

    def complete(self) -> None:
        """All that is to be seen is there, but for its place."""
        if not self._complete:
            self._complete = True
            self._settle()

    def _settle(self) -> None:
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(_SETTLED_S, self._paint)

    def _paint(self) -> None:
        if not self._painting:
            self._painting = True
            self.refresh()

    def _compositor_refresh(self) -> None:
        if self._painting:
            super()._compositor_refresh()
        elif self._complete and self._compositor._dirty_regions:
            self._settle()
