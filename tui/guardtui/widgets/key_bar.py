"""The footer: as many keys as fit, the most needed first."""

from __future__ import annotations

from textual import events

from guardtui.keys import Where, keys_for
from guardtui.text import line, width_of
from guardtui.widgets.choices import Choices, Item


def bar_items(where: Where, width: int, *, readonly: bool) -> list[Item]:
    """Key and label with the action, in the order of the table, as many as fit into ``width`` cells;
    what does not fit with its whole label is tried with the first word of it."""
    places: tuple[tuple[Where, str], ...] = ((where, ""), ("everywhere", "app."))
    keys = [
        (key, owner) for place, owner in places for key in keys_for(place, readonly=readonly) if key.label
    ]
    kept: dict[int, Item] = {}
    for number in sorted(range(len(keys)), key=lambda number: keys[number][0].rank):
        key, owner = keys[number]
        room = width - sum(width_of(shown) + 2 for shown, _ in kept.values())
        for label in dict.fromkeys((key.label, key.label.split()[0])):
            shown = line((key.shown.split()[0], "key"), (f" {label}", "dim"))
            if number not in kept and width_of(shown) <= room:
                kept[number] = (shown, owner + key.action)
    return [kept[number] for number in sorted(kept)]


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
