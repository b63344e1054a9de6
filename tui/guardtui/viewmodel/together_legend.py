"""The legend of several runs in lines, and what is said above and below their charts. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.cells import cell_len

from guardtui import formatting
from guardtui.chart.ink import Ink
from guardtui.chart.titles import curve_symbol
from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, Tone, column, fit, line, packed, shorten, spread, width_of
from guardtui.viewmodel.faces import status_face
from guardtui.viewmodel.names_apart import names_apart
from guardtui.viewmodel.together import Band, Row
from guardtui.viewmodel.together_entries import Entry

SAMPLE_AT: Final = 4
"""The cell at which the sample of a row's colour begins: after the cursor and the letter."""
SAMPLE: Final = 2
"""Its cells."""
_SIGNS: Final = 9
"""Cells before the name: cursor, letter, sample, status."""
_NUMBER: Final = 7
_VALUE: Final = _NUMBER + 2
_AWAY: Final = _NUMBER + 2
_LEAST_NAME: Final = 8
_MOST_NAME: Final = 34
_LEAST_DIFFERENCE: Final = 16
_FEWEST_CELLS: Final = len("differs")


class Legend(NamedTuple):
    """What is shown of it."""

    lines: list[Line]
    entries: list[Entry | None]
    """Of each line the row it stands for; None of titles and notes."""
    selected: int | None
    """The line of the chosen row."""


@dataclass(frozen=True, slots=True)
class _Widths:
    """Cells of the columns; 0 leaves one out."""

    name: int
    differs: int
    away: int
    shown: tuple[str, ...]
    """Which values."""

    @property
    def values(self) -> int:
        """Cells of all values."""
        return len(self.shown) * _VALUE + self.away


def legend_width(shown: Sequence[Entry], *, at: bool) -> int:
    """Cells in which nothing is cut."""
    name, differs, away = _longest(shown)
    return _SIGNS + min(name, _MOST_NAME) + (differs + 2 if differs else 0) + (2 + at) * _VALUE + away


def _longest(shown: Sequence[Entry]) -> tuple[int, int, int]:
    """Cells of the longest name, of the longest difference, and of a deviation where there is one."""
    name = max((cell_len(each.name) + 2 * (each.row.kind == "member") for each in shown), default=0)
    differs = max((cell_len(each.differs) for each in shown), default=0)
    differs = max(differs, _FEWEST_CELLS) if differs else 0
    return name, differs, _AWAY if any(each.away is not None for each in shown) else 0


def legend_lines(
    shown: Sequence[Entry], chosen: int, width: int, room: int, ink: Ink, g: Glyphs, *, metric: str, at: bool
) -> Legend:
    """A line of titles and as many rows as fit, with the chosen one among them. Where the width is too small
    for all on one line and the height allows it, a row has its values on a second line."""
    two = legend_width(shown, at=at) > width and 2 * len(shown) + 1 <= room
    widths = _two_line_widths(shown, width, at=at) if two else _widths(shown, width, at=at)
    legend = Legend([_head(widths, width, metric, two=two)], [None], None)
    space = max(1, room - 1) // (1 + two)
    noted = len(shown) > space and space > 2
    visible = min(len(shown), space - noted)
    first = min(max(0, chosen - visible // 2), len(shown) - visible)
    names = _names(shown, widths.name)
    for number in range(first, first + visible):
        here = number == chosen
        legend = legend._replace(selected=len(legend.lines)) if here else legend
        rows = _row(shown[number], names[number], widths, width, ink, g, chosen=here, two=two)
        legend.lines.extend(rows)
        legend.entries.extend([shown[number]] * len(rows))
    if noted:
        legend.lines.append(line((f"  {first + 1} to {first + visible} of {len(shown)}", "dim")))
        legend.entries.append(None)
    return legend


def _names(shown: Sequence[Entry], width: int) -> list[str]:
    """Shortened against each other; the runs of groups stand in a little."""
    made: dict[int, str] = {}
    for part in _parts(shown):
        inside = 2 * (shown[part[0]].row.kind == "member")
        names = names_apart([shown[number].name for number in part], width - inside)
        made.update(zip(part, (" " * inside + name for name in names), strict=True))
    return [made[number] for number in range(len(shown))]


def _parts(shown: Sequence[Entry]) -> list[list[int]]:
    """Numbers of the rows that stand beside each other: runs and groups, and the runs of each group."""
    outer: list[int] = []
    parts = [outer]
    for number, each in enumerate(shown):
        if each.row.kind == "member":
            parts[-1].append(number)
        else:
            outer.append(number)
        if each.row.kind == "group":
            parts.append([])
    return [part for part in parts if part]


def _value_widths(width: int, away: int, *, at: bool) -> tuple[tuple[str, ...], int]:
    """The values that fit into so many cells, the most needed first, and the cells of the deviation."""
    values = ["here", "last", "best"] if at else ["last", "best"]
    while len(values) > 1 and away + len(values) * _VALUE > width:
        values.pop()
    return tuple(values), away if away + len(values) * _VALUE <= width else 0


def _widths(shown: Sequence[Entry], width: int, *, at: bool) -> _Widths:
    longest, differs, away = _longest(shown)
    least = min(longest, _LEAST_NAME)
    values, away = _value_widths(width - _SIGNS - least, away, at=at)
    room = max(least, width - _SIGNS - len(values) * _VALUE - away)
    name = min(longest, _MOST_NAME, room)
    if room - name - 2 < min(differs, _LEAST_DIFFERENCE):
        # The names give way to the settings, which say more.
        name = max(least, min(name, room - 2 - min(differs, _LEAST_DIFFERENCE)))
    return _shared_out(longest, name, differs, room, away, values)


def _shared_out(
    longest: int, name: int, differs: int, room: int, away: int, values: tuple[str, ...]
) -> _Widths:
    """Names and settings beside each other; few cells of settings would say nothing."""
    left = min(differs, max(0, room - name - 2))
    if left < min(differs, _FEWEST_CELLS):
        return _Widths(min(longest, room), 0, away, values)
    return _Widths(name, left, away, values)


def _two_line_widths(shown: Sequence[Entry], width: int, *, at: bool) -> _Widths:
    longest, differs, away = _longest(shown)
    values, away = _value_widths(width - 2, away, at=at)
    room = width - _SIGNS
    name = min(longest, room)
    if room - name - 2 < min(differs, _LEAST_DIFFERENCE):
        name = max(min(longest, _LEAST_NAME), min(name, room - 2 - min(differs, _LEAST_DIFFERENCE)))
    return _shared_out(longest, name, differs, room, away, values)


def _head(widths: _Widths, width: int, metric: str, *, two: bool) -> Line:
    titles = [f"  {column(each, _NUMBER, right=True)}" for each in widths.shown]
    titles[0] += " " * widths.away
    numbers = line(("".join(titles), "dim"))
    room = width - widths.values
    if two:
        return spread(line((f"  {shorten(metric, room - 4)}", "title")), numbers, width)
    told = line((column(f"  {shorten(metric, _SIGNS + widths.name - 4)}", _SIGNS + widths.name), "title"))
    if widths.differs:
        told = (
            *told,
            Bit("  " + column("differs in" if widths.differs >= 10 else "differs", widths.differs), "dim"),
        )
    return fit((*told, *numbers), width)


def _row(
    each: Entry, name: str, widths: _Widths, width: int, ink: Ink, g: Glyphs, *, chosen: bool, two: bool
) -> list[Line]:
    """One line, or two."""
    row = each.row
    quiet: Tone = "text" if row.on else "dim"
    loud: Tone = "strong" if row.kind == "group" else "text"
    bits = [Bit(f"{g.cursor} " if chosen else "  ", "accent"), Bit(f"{row.letter or ' '} ", quiet)]
    bits += [Bit(_sample(row, ink, g), quiet), Bit(" "), *_status(row, g)]
    bits.append(Bit(column(name, widths.name), loud if row.on else "dim"))
    if widths.differs:
        bits.append(Bit("  " + column(each.differs, widths.differs), "dim"))
    values = _values(each, widths, g)
    if not two:
        return [fit((*bits, *values), width)]
    return [fit(tuple(bits), width), (Bit(" " * max(0, width - width_of(values))), *values)]


def _values(each: Entry, widths: _Widths, g: Glyphs) -> Line:
    values = {"here": each.here, "last": each.last, "best": each.best}
    bits: list[Bit] = []
    for number, what in enumerate(widths.shown):
        value = values[what]
        broken = value is not None and not math.isfinite(value)
        tone: Tone = "dim" if not each.row.on else "bad" if broken else "text"
        bits.append(Bit(f"  {column(formatting.number(value), _NUMBER, right=True)}", tone))
        if number == 0 and widths.away:
            told = f" {_pm(g)}{formatting.number(each.away)}" if each.away is not None else ""
            bits.append(Bit(column(told, widths.away), "dim"))
    return tuple(bits)


def _pm(g: Glyphs) -> str:
    return "±" if g.spark[0] != "." else "~"


def _sample(row: Row, ink: Ink, g: Glyphs) -> str:
    """A piece of its line; a hollow shape for what is switched off."""
    if not row.on:
        return column(g.cleared, SAMPLE)
    if ink.per_curve:
        own = row.color and row.kind != "member"
        return SAMPLE * (curve_symbol(ink, 0, row.color) if own else ink.per_curve[0])
    if row.kind == "member":
        return g.bar_rest * SAMPLE
    return g.bar * SAMPLE if row.color else g.bar_rest * SAMPLE


def _status(row: Row, g: Glyphs) -> list[Bit]:
    """The shape of a run's status; of a group how many of its runs are on."""
    if row.kind == "group":
        return [Bit(column(f"{len(row.on)}", 2), "dim")]
    face = status_face(row.views[0].state.status, g)
    return [Bit(column(face.shape, 2), face.tone)]


def title_line(rows: Sequence[Row], gone: int, unfair: Sequence[str], width: int, g: Glyphs) -> Line:
    """How many runs, of which kinds, and what makes a comparison unfair."""
    runs = [row for row in rows if row.kind != "group"]
    groups = sum(row.kind == "group" for row in rows)
    on = sum(bool(row.on) for row in runs)
    live = sum(view.state.status.live for row in runs for view in row.views)
    dim = sum(bool(row.on) and not row.color for row in rows if row.kind != "member")
    parts: list[Line] = [line((f"{len(runs)} runs together", "title"))]
    if groups:
        parts.append(line((f"{groups} group{'s' * (groups > 1)} of repeats", "text")))
    if on < len(runs):
        parts.append(line((f"{on} on", "text")))
    if live:
        parts.append(line((f"{live} live", "accent")))
    if gone:
        parts.append(line((f"{gone} gone", "warn")))
    if dim:
        parts.append(line((f"{dim} dim: ten have colours", "dim")))
    if unfair:
        parts.append(_not_alike(unfair, max(24, width - sum(map(width_of, parts)) - 3 * len(parts)), g))
    separator = Bit(f" {g.dot} ", "dim")
    kept: list[Bit] = []
    for part in parts:
        kept += [separator, *part] if kept else part
    return fit(tuple(kept), width)


def _not_alike(unfair: Sequence[str], width: int, g: Glyphs) -> Line:
    """As many as fit, with the number of the others, and the key that tells more."""
    for shown in range(len(unfair), 0, -1):
        others = f" +{len(unfair) - shown}" if shown < len(unfair) else ""
        told = line((f"{g.warn} not alike: {', '.join(unfair[:shown])}{others}", "warn"), ("  g", "key"))
        if width_of(told) <= width:
            return told
    return line((f"{g.warn} {len(unfair)} not alike", "warn"), ("  g", "key"))


_BAND_WORDS: Final = {"band": "mean ± std of repeats", "both": "mean ± std, runs behind it", "lines": ""}


def status_words(band: Band, charts: Callable[[int], Line], width: int, g: Glyphs) -> Line:
    """How the repeats are drawn, behind what the charts say of themselves."""
    words = _BAND_WORDS[band].replace("±", _pm(g))
    told = charts(width)
    return packed((told, line((words, "dim"))), Bit(f" {g.dot} ", "dim"), width)
