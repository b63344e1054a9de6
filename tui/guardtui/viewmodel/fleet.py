"""The list of runs: which columns fit, and one line a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from guardtui.glyphs import UNICODE, Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, Tone, column, fit, width_of
from guardtui.viewmodel.column_choice import in_order
from guardtui.viewmodel.columns import COLUMNS, Column, name_cell
from guardtui.viewmodel.faces import signal_words
from guardtui.viewmodel.grouping import Group, head
from guardtui.viewmodel.ordering import order_of
from guardtui.viewmodel.remembered import Remembered

GUTTER: Final = 3
"""The cursor, the mark of a selected or pinned run, and a blank."""
_WIDE: Final = 110
"""From this width on columns stand two cells apart."""
_LONG_NAME: Final = 60
_USUAL: Final = 30
"""A name wider than this is shown whole only where nothing else needs the room."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with the width it got."""

    column: Column
    width: int
    gap: int
    """Blank cells before it."""


def gap_of(width: int) -> int:
    """Blank cells between two columns."""
    return 2 if width >= _WIDE else 1


def _wished(view: RunView) -> tuple[int, int, frozenset[str]]:
    """Cells that the name and the signal of a run would take, and the columns that tell anything of it."""
    signal = width_of(signal_words(view.state, UNICODE, message=False))
    useful = frozenset(c.title for c in COLUMNS if c.useful(view))
    return width_of(name_cell(view, _LONG_NAME, UNICODE)), signal, useful


class Placer:
    """Chooses columns and their widths; texts are measured once for each view."""

    def __init__(self) -> None:
        self._wished = Remembered(_wished)

    def placed(
        self, width: int, views: Sequence[RunView], order: Sequence[str] = (), without: Collection[str] = ()
    ) -> tuple[Placed, ...]:
        """The useful columns that fit into ``width`` cells, each as wide as is useful; names come first.
        In an ``order`` that somebody chose what stands further left stays longer."""
        room, gap = width - GUTTER, gap_of(width)
        self._wished.let_go(len(views))
        wished = set(map(self._wished.of, views))
        telling = frozenset[str]().union(*(titles for _, _, titles in wished)) - frozenset(without)
        kept = [c for c in in_order(COLUMNS, order) if not c.rank or c.title in telling]
        while len(kept) > 1 and sum(c.least + gap for c in kept) - gap > room:
            kept.remove(kept[-1] if order and kept[-1].rank else max(kept, key=lambda c: c.rank))
        widths = {c.title: c.least for c in kept}
        spare = room - sum(widths.values()) - gap * (len(kept) - 1)
        useful = {
            "RUN": max((name for name, _, _ in wished), default=_USUAL),
            "SIGNAL": max((signal for _, signal, _ in wished), default=60),
        }
        for title, wanted in (("RUN", 18), ("SIGNAL", 18), ("RUN", _USUAL)):
            if title in widths:
                more = min(spare, max(0, min(wanted, useful[title]) - widths[title]))
                widths[title] += more
                spare -= more
        useful["SIGNAL"] = 60 if useful["SIGNAL"] else 0
        _grow(kept, widths, useful, spare)
        return tuple(Placed(c, widths[c.title], gap if number else 0) for number, c in enumerate(kept))


def _grow(kept: Sequence[Column], widths: dict[str, int], useful: dict[str, int], spare: int) -> None:
    """Give what is left to the columns that can use it, a cell at a time."""
    while spare > 0:
        growing = [c for c in kept if widths[c.title] < useful.get(c.title, c.most)][:spare]
        if not growing:
            return
        for c in growing:
            widths[c.title] += 1
        spare -= len(growing)


def header(columns: Sequence[Placed], order: str = "", *, reverse: bool = False, g: Glyphs = UNICODE) -> Line:
    """Titles above the columns; the one that orders the list has an arrow."""
    chosen = order_of(order) if order else None
    bits = [Bit(" " * GUTTER, "dim")]
    for p in columns:
        title, tone = p.column.title, "dim"
        if chosen is not None and chosen.column == title:
            arrow = g.falling if chosen.falling != reverse else g.rising
            title, tone = f"{title}{' ' * (len(title) + 2 <= p.width)}{arrow}", "accent"
        bits += (Bit(" " * p.gap), Bit(column(title, p.width, right=p.column.right), _tone(tone)))
    return tuple(bit for bit in bits if bit.text)


def _tone(name: str) -> Tone:
    return "accent" if name == "accent" else "dim"


def column_at(columns: Sequence[Placed], x: int) -> str:
    """The title of the column at cell ``x``; "" beside all of them."""
    place = GUTTER
    for p in columns:
        place += p.gap
        if x < place:
            return ""
        if x < place + p.width:
            return p.column.title
        place += p.width
    return ""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a row shows beside its run."""

    selected: bool = False
    """Under the cursor."""
    chosen: bool = False
    pinned: bool = False
    dimmed: bool = False
    """A hidden run that is shown."""


def _gutter(marks: Marks, g: Glyphs) -> tuple[Bit, Bit]:
    mark = g.chosen if marks.chosen else g.pinned if marks.pinned else ""
    return Bit(column(g.cursor if marks.selected else "", 1), "accent"), Bit(column(mark, 2), "accent")


def row(view: RunView, columns: Sequence[Placed], marks: Marks, g: Glyphs) -> Line:
    """One run on one line."""
    bits: list[Bit] = list(_gutter(marks, g))
    for p in columns:
        bits.append(Bit(" " * p.gap))
        cell = fit(p.column.cell(view, p.width, g), p.width)
        space = Bit(" " * (p.width - width_of(cell)))
        bits.extend((space, *cell) if p.column.right else (*cell, space))
    if marks.dimmed:
        bits = [Bit(bit.text, "dim") for bit in bits]
    return tuple(bit for bit in bits if bit.text)


def group_row(group: Group, width: int, marks: Marks, g: Glyphs) -> Line:
    """The head of a group on one line."""
    cursor, mark = _gutter(marks, g)
    if marks.chosen:
        return (cursor, mark, *head(group, width - GUTTER, g))
    return (cursor, *head(group, width - 1, g))
