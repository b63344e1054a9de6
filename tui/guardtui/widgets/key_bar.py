"""The footer: as many keys as fit, the most needed first."""

from __future__ import annotations

from textual import events

from guardtui.keys import Where, keys_for
from guardtui.text import line, width_of
from guardtui.widgets.choices import Choices, Item


def bar_items(where: Where, width: int, *, readonly: bool) -> list[Item]:
    """Key and label with the action, in the order of the table, as many as fit into ``width`` cells."""
    keys = [key for place in (where, "everywhere") for key in keys_for(place, readonly=readonly) if key.label]
    kept: list[Item] = []
    for key in sorted(keys, key=lambda key: key.rank):
        item = line((key.shown.split()[0], "key"), (f" {key.label}", "dim"))
        if sum(width_of(each) + 2 for each, _ in kept) + width_of(item) <= width:
            kept.append((item, key.action))
    order = {key.action: number for number, key in enumerate(keys)}
    return sorted(kept, key=lambda item: order[item[1]])


class KeyBar(Choices):
    """One line at the bottom."""

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; padding: 0 1; background: $panel; }
    """

    def __init__(self, where: Where, *, readonly: bool) -> None:
        super().__init__()
        self._where: Where = where
        self._readonly = readonly

    def on_resize(self, event: events.Resize) -> None:
        """Choose again what fits."""
        self.offer(bar_items(self._where, self.content_size.width, readonly=self._readonly))
