"""The footer: as many keys as fit, the most needed first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from textual import events

from guardtui.keys import OWNERS, Where, keys_for
from guardtui.text import line, width_of
from guardtui.widgets.choices import Choices, Item


def bar_items(
    places: Sequence[Where], width: int, *, readonly: bool, idle: Mapping[str, str] | None = None
) -> list[Item]:
    """Key and label with the action, in the order of the table, as many as fit into ``width`` cells;
    what does not fit with its whole label is tried with the first word of it. ``idle``: actions that can
    do nothing here; those are dim, and do nothing when they are clicked. Of one run they give way to
    others; in a list, where the next line may be another case, each keeps its place."""
    idle = idle or {}
    late = dict.fromkeys(idle, _LAST if "run" in places else 0)
    keys = [
        (key, OWNERS.get(place, "focused."))
        for place in (*places, "everywhere")
        for key in keys_for(place, readonly=readonly)
        if key.label
    ]
    kept: dict[int, Item] = {}
    for number in sorted(range(len(keys)), key=lambda at: keys[at][0].rank + late.get(keys[at][0].action, 0)):
        key, owner = keys[number]
        room = width - sum(width_of(shown) + 2 for shown, _ in kept.values())
        for label in dict.fromkeys((key.label, key.label.split()[0])):
            dead = key.action in idle
            shown = line(
                (key.shown.split()[0], "rest" if dead else "key"), (f" {label}", "rest" if dead else "dim")
            )
            if number not in kept and width_of(shown) <= room:
                kept[number] = (shown, "" if dead else owner + key.action)
    return [kept[number] for number in sorted(kept)]


_LAST: Final = 100


class KeyBar(Choices):
    """One line at the bottom."""

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; padding: 0 1; background: $panel; }
    """

    def __init__(self, *places: Where, readonly: bool) -> None:
        super().__init__()
        self._places = places
        self._readonly = readonly
        self._idle: Mapping[str, str] = {}

    @property
    def places(self) -> tuple[Where, ...]:
        """Where these keys are, the nearest place first."""
        return self._places

    @property
    def idle(self) -> Mapping[str, str]:
        """Actions that can do nothing here, and why."""
        return self._idle

    def on_resize(self, event: events.Resize) -> None:
        """Choose again what fits."""
        self.offer_keys_of(*self._places)

    def offer_keys_of(self, *places: Where) -> None:
        """The keys that matter here, the nearest place first."""
        self._places = places
        width = self.content_size.width
        self.offer(bar_items(places, width, readonly=self._readonly, idle=self._idle))

    def rest(self, idle: Mapping[str, str]) -> None:
        """From now on these actions can do nothing, for these reasons."""
        if idle != self._idle:
            self._idle = idle
            self.offer_keys_of(*self._places)
