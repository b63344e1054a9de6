"""The footer: as many keys as fit, the most needed first."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from guardtui.keys import OWNERS, Where, keys_for
from guardtui.text import line, width_of
from guardtui.widgets.choices import Choices, Item


def bar_items(places: Sequence[Where], width: int, *, readonly: bool, barred: str = "") -> list[Item]:
    """Key and label with the action, in the order of the table, as many as fit into ``width`` cells;
    what does not fit with its whole label is tried with the first word of it. ``barred``: why no key can
    act here; those are then dim, and do nothing when they are clicked."""
    keys = [
        (key, OWNERS.get(place, "focused."))
        for place in (*places, "everywhere")
        for key in keys_for(place, readonly=readonly)
        if key.label
    ]
    kept: dict[int, Item] = {}
    for number in sorted(range(len(keys)), key=lambda number: keys[number][0].rank):
        key, owner = keys[number]
        room = width - sum(width_of(shown) + 2 for shown, _ in kept.values())
        for label in dict.fromkeys((key.label, key.label.split()[0])):
            dead = bool(barred) and key.acting
            shown = line(
                (key.shown.split()[0], "rest" if dead else "key"), (f" {label}", "rest" if dead else "dim")
            )
            if number not in kept and width_of(shown) <= room:
                kept[number] = (shown, "" if dead else owner + key.action)
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
        self._barred = ""

    @property
    def places(self) -> tuple[Where, ...]:
        """Where these keys are, the nearest place first."""
        return self._places

    def on_resize(self, event: events.Resize) -> None:
        """Choose again what fits."""
        self.offer_keys_of(*self._places)

    def offer_keys_of(self, *places: Where) -> None:
        """The keys that matter here, the nearest place first."""
        self._places = places
        width = self.content_size.width
        self.offer(bar_items(places, width, readonly=self._readonly, barred=self._barred))

    def bar(self, reason: str) -> None:
        """From now on the acting keys are dim, for this reason; "": no more."""
        if reason != self._barred:
            self._barred = reason
            self.offer_keys_of(*self._places)
