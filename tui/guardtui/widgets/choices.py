"""A line of things to do, each with its key; each can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from textual import events

from guardtui.text import Bit, Line, width_of
from guardtui.widgets.lines import Lines

Item: TypeAlias = tuple[Line, str]
"""What is shown, and the action of the screen that it calls."""
_GAP = 2


class Choices(Lines):
    """Shows items in a row; a click on one calls its action."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._items: Sequence[Item] = ()

    def offer(self, items: Sequence[Item]) -> None:
        """Replace the items."""
        self._items = items
        bits: list[Bit] = []
        for item, _ in items:
            bits.extend((*item, Bit(" " * _GAP)))
        self.show([tuple(bits)])

    async def on_click(self, event: events.Click) -> None:
        """Do what the clicked item says."""
        x = event.x - self.styles.padding.left
        for item, action in self._items:
            if 0 <= x < width_of(item):
                if not action:
                    return
                await self.app.run_action(action, default_namespace=self.screen)
                return
            x -= width_of(item) + _GAP
