"""What several runs do not have alike, side by side: a line a key, a column a run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, Tone, column, fit, line, wrapped
from guardtui.viewmodel.names_apart import in_the_middle
from guardtui.viewmodel.unfairness import Difference

_GAP: Final = 2
_MARK: Final = 2
_MOST_KEY: Final = 30
_LEAST_CELL, _MOST_CELL = 8, 28
_MISSING: Final = "not recorded"


class Table(NamedTuple):
    """A page of columns."""

    head: tuple[Line, ...]
    """What stays while the lines below it are scrolled."""
    lines: tuple[Line, ...]
    first: int
    """Number of the first run on it."""
    shown: int
    """Runs on it."""
    runs: int
    """All."""


def difference_table(
    names: Sequence[str],
    facts: Sequence[Difference],
    settings: Sequence[Difference],
    first: int,
    width: int,
    g: Glyphs,
) -> Table:
    """The columns from run number ``first`` on, as many as fit beside the keys."""
    rows = [*facts, *settings]
    if not rows:
        words = "these runs have the same settings, data and code, as far as they recorded them"
        return Table((), tuple(wrapped(words, width, "text")), 0, len(names), len(names))
    key = min(_MOST_KEY, max(12, width // 3), max(cell_len(each.what) for each in rows) + _MARK)
    sizes = [_cells(name, [each.values[number] for each in rows]) for number, name in enumerate(names)]
    first = _first_that_fills(first, sizes, width - key)
    shown = _as_fit(first, sizes, width - key)
    if len(shown) == 1:
        sizes[first] = min(sizes[first], max(_LEAST_CELL, width - key - _GAP))
    titles = [column(in_the_middle(names[number], sizes[number]), sizes[number]) for number in shown]
    head = [Bit(" " * key), *(Bit(f"  {title}", "strong") for title in titles)]
    lines: list[Line] = []
    for title, part in (("beside the settings", facts), ("settings", settings)):
        if part:
            lines += [(), line((title, "accent"))] if lines else [line((title, "accent"))]
            lines += [_row(each, shown, sizes, key, width, g) for each in part]
    return Table(
        (fit(tuple(head), width),), (*lines, (), *_legend(rows, width, g)), first, len(shown), len(names)
    )


def _cells(name: str, values: Sequence[str | None]) -> int:
    longest = max(cell_len(value if value is not None else _MISSING) for value in (name, *values))
    return min(_MOST_CELL, max(_LEAST_CELL, longest))


def _as_fit(first: int, sizes: Sequence[int], room: int) -> range:
    """The columns from the first on that fit; at least one."""
    used, last = 0, first
    while last < len(sizes) and (used + _GAP + sizes[last] <= room or last == first):
        used += _GAP + sizes[last]
        last += 1
    return range(first, last)


def _first_that_fills(wished: int, sizes: Sequence[int], room: int) -> int:
    """The wished column, or one before it where the last ones would leave room."""
    first = min(max(0, wished), len(sizes) - 1)
    while first > 0 and _as_fit(first - 1, sizes, room).stop == len(sizes):
        first -= 1
    return first


def _row(each: Difference, shown: range, sizes: Sequence[int], key: int, width: int, g: Glyphs) -> Line:
    marked = each.level == "unfair"
    bits = [
        Bit(column(g.warn if marked else "", _MARK), "warn"),
        Bit(column(in_the_middle(each.what, key - _MARK), key - _MARK), "warn" if marked else "text"),
    ]
    common = _most_common(each.values)
    for number in shown:
        value = each.values[number]
        tone: Tone = "dim" if value is None or value == common else "text"
        text = in_the_middle(_MISSING if value is None else value, sizes[number])
        bits.append(Bit("  " + column(text, sizes[number]), tone))
    return fit(tuple(bits), width)


def _most_common(values: Sequence[str | None]) -> str | None:
    """What more than half of the runs have: the others stand out."""
    told = [value for value in values if value is not None]
    return next((value for value in dict.fromkeys(told) if 2 * told.count(value) > len(values)), None)


def _legend(rows: Sequence[Difference], width: int, g: Glyphs) -> list[Line]:
    if not any(each.level == "unfair" for each in rows):
        return [line(("nothing that makes the comparison unfair was recorded", "dim"))]
    return wrapped(f"{g.warn} makes a comparison of these runs unfair", width, "warn")
