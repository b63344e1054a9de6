"""Choosing the columns of the list of runs, and their order. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from guardtui.glyphs import Glyphs
from guardtui.text import Line, column, fit, line
from guardtui.viewmodel.columns import COLUMNS, Column

FREE: Final = tuple(each.title for each in COLUMNS if each.rank)
"""Columns that may be moved and left out; status and name always come first."""
_TITLE: Final = 9


def in_order(columns: Sequence[Column], wished: Sequence[str]) -> list[Column]:
    """These columns as they are wished, those that nobody spoke of behind them; "" wishes nothing.

    >>> [c.title for c in in_order(COLUMNS[:6], ["ETA", "TOOL", "nonsense"])]
    ['STATUS', 'RUN', 'ETA', 'TOOL', 'TAGS', 'PROGRESS']
    """
    places = {title: number for number, title in enumerate(wished)}
    return sorted(columns, key=lambda c: places.get(c.title, len(places)) if c.rank else -1)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the dialog holds."""

    order: tuple[str, ...]
    off: frozenset[str]
    place: int = 0

    @classmethod
    def of(cls, order: Sequence[str], off: Collection[str]) -> Choice:
        """As it is now."""
        titles = [each.title for each in in_order(COLUMNS, order) if each.rank]
        return cls(tuple(titles), frozenset(off) & set(FREE))

    def moved(self, distance: int) -> Choice:
        """The cursor elsewhere."""
        return replace(self, place=min(max(0, self.place + distance), len(self.order) - 1))

    def carried(self, distance: int) -> Choice:
        """The column under the cursor elsewhere, the cursor with it."""
        there = self.moved(distance)
        titles = list(self.order)
        titles.insert(there.place, titles.pop(self.place))
        return replace(there, order=tuple(titles))

    def switched(self) -> Choice:
        """The column under the cursor off or on."""
        return replace(self, off=self.off ^ {self.order[self.place]})

    @property
    def kept(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The settings: the order, where it is another than by itself, and what is off."""
        order = () if self.order == FREE else self.order
        return order, tuple(title for title in FREE if title in self.off)


def choice_lines(choice: Choice, width: int, g: Glyphs) -> list[Line]:
    """A line a column: whether it is shown, its title, what it says."""
    return [
        fit(
            line(
                (f"{g.done if title not in choice.off else ' '} ", "good"),
                (f"{column(title, _TITLE)} ", "dim" if title in choice.off else "strong"),
                (_SAYS[title], "dim"),
            ),
            width,
        )
        for title in choice.order
    ]


_SAYS: Final = {
    "TOOL": "whose log it is, where guard did not start the run",
    "TAGS": "what people tagged it with",
    "PROGRESS": "steps done of steps planned, else epochs",
    "ETA": "the time that is left",
    "METRIC": "the monitored metric",
    "LAST": "its last value",
    "BEST": "its best value",
    "TREND": "its course",
    "RATE": "steps a second, a minute, an hour",
    "GPU": "utilisation",
    "GPU MEM": "memory of all its GPUs",
    "SIGNAL": "the worst signal that stands",
    "HOST": "where it trains, when that is elsewhere",
    "AGE": "time since the last event",
}
