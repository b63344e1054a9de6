"""Aligned columns of toned text; for want of room the least needed columns go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from guardtui.text import Bit, Line, Tone, column, fit, line, shorten, width_of

_GAP = 2


class Column(NamedTuple):
    """One column of a table."""

    title: str
    right: bool = False
    rank: int = 5
    """The highest goes first when not all fit."""
    least: int = 0
    """Above 0: it may be cut down to so many cells before any column goes."""


def cell(text: str, tone: Tone = "text") -> Line:
    """One cell."""
    return line((text, tone))


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[Line]], width: int, *, titles: bool = True
) -> list[Line]:
    """A line of titles, then one line a row, each at most ``width`` cells. A column that is empty
    in every row is left out."""
    widths = [
        max((width_of(row[number]) for row in rows), default=0) and max(
            len(each.title) if titles else 0, *(width_of(row[number]) for row in rows)
        )
        for number, each in enumerate(columns)
    ]  # fmt: skip
    kept = [number for number, cells in enumerate(widths) if cells]
    while len(kept) > 1 and _total(kept, columns, widths, least=True) > width:
        kept.remove(max(kept, key=lambda number: (columns[number].rank, number)))
    for number in kept:
        over = _total(kept, columns, widths, least=False) - width
        if over > 0 and columns[number].least:
            widths[number] = max(columns[number].least, widths[number] - over)
    head = [cell(columns[number].title, "dim") for number in range(len(columns))]
    shown = [head, *rows] if titles and rows else rows
    return [fit(_row(row, kept, columns, widths), width) for row in shown]


def table_width(columns: Sequence[Column], rows: Sequence[Sequence[Line]]) -> int:
    """Cells that the rows take when nothing is cut, without titles."""
    widths = [max((width_of(row[number]) for row in rows), default=0) for number in range(len(columns))]
    kept = [number for number, cells in enumerate(widths) if cells]
    return _total(kept, columns, widths, least=False)


def _total(kept: Sequence[int], columns: Sequence[Column], widths: Sequence[int], *, least: bool) -> int:
    cells = (
        min(widths[number], columns[number].least) if least and columns[number].least else widths[number]
        for number in kept
    )
    return sum(cells) + _GAP * (len(kept) - 1)


def _row(row: Sequence[Line], kept: Sequence[int], columns: Sequence[Column], widths: Sequence[int]) -> Line:
    bits: list[Bit] = []
    for place, number in enumerate(kept):
        if place:
            bits.append(Bit(" " * _GAP))
        last = place == len(kept) - 1
        bits += _padded(row[number], widths[number], right=columns[number].right, last=last)
    return tuple(bits)


def _padded(bits: Line, width: int, *, right: bool, last: bool) -> list[Bit]:
    if len(bits) == 1:
        text = shorten(bits[0].text, width)
        return [Bit(text if last and not right else column(text, width, right=right), bits[0].tone)]
    shown = fit(bits, width)
    space = Bit(" " * (width - width_of(shown)))
    return [space, *shown] if right else [*shown, space]
