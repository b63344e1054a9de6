"""The footer: as many keys as fit, the most needed first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual import events

from guardtui.keys import Where, keys_for
from guardtui.text import line, width_of
from guardtui.widgets.choices import Choices, Item

_OWNERS: Final[dict[Where, str]] = {"everywhere": "app.", "fleet": "", "run": "", "stop": "", "text": ""}
"""Whose action a key of this place calls when its label is clicked; a pane's: the focused widget's."""


def bar_items(places: Sequence[Where], width: int, *, readonly: bool) -> list[Item]:
    """Key and label with the action, in the order of the table, as many as fit into ``width`` cells;
    what does not fit with its whole label is tried with the first word of it."""
    keys = [
        (key, _OWNERS.get(place, "focused."))
        for place in (*places, "everywhere")
        for key in keys_for(place, readonly=readonly)
        if key.label
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

    def __init__(self, *places: Where, readonly: bool) -> None:
        super().__init__()
        self._places = places
        self._readonly = readonly

    def on_resize(self, event: events.Resize) -> None:
        """Choose again what fits."""
        self.offer_keys_of(*self._places)

    def offer_keys_of(self, *places: Where) -> None:
        """The keys that matter here, the nearest place first."""
        self._places = places
        self.offer(bar_items(places, self.content_size.width, readonly=self._readonly))
