"""The legend of several runs: who is who, how they differ, what they reached. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.cells import cell_len

from guardtui import formatting
from guardtui.chart.ink import Ink
from guardtui.chart.model import Curve
from guardtui.chart.reading import nearest_index
from guardtui.chart.titles import curve_symbol
from guardtui.glyphs import Glyphs
from guardtui.summaries import better
from guardtui.text import Bit, Line, Tone, column, fit, line, packed
from guardtui.viewmodel.faces import status_face
from guardtui.viewmodel.names_apart import in_the_middle, names_apart, shared_start
from guardtui.viewmodel.together import Band, Row

SAMPLE_AT: Final = 4
"""The cell at which the sample of a row's colour begins: after the cursor and the letter."""
SAMPLE: Final = 2
"""Its cells."""
_SIGNS: Final = 9
"""Cells before the name: cursor, letter, sample, status."""
_NUMBER: Final = 7
_LEAST_NAME: Final = 8
_MOST_NAME: Final = 34
_LEAST_DIFFERENCE: Final = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row says, before it is fitted."""

    row: Row
    name: str
    differs: str
    last: float | None
    best: float | None
    here: float | None
    away: float | None = None
    """Of a group: the deviation of what is told in the last column."""


def entries(
    rows: Sequence[Row],
    differs: Mapping[Path, Mapping[str, str]],
    names: Mapping[Path, str],
    curve_of: Callable[[Row], Curve | None],
    mode: str,
    at: float | None,
) -> list[Entry]:
    """Each row with its values on the chart that is looked at. ``mode``: which of its values is best."""
    made, shared = [], {}
    for row in rows:
        mine = dict(differs.get(row.views[0].path, {}))
        if row.kind == "group":
            others = [differs.get(view.path, {}) for view in row.views]
            mine = {key: text for key, text in mine.items() if all(o.get(key) == text for o in others)}
            shared = mine
            name = _group_name(row, names)
        else:
            name = names[row.views[0].path]
            if row.kind == "member":
                mine = {key: text for key, text in mine.items() if key not in shared}
        made.append(_read(row, name, " ".join(mine.values()), curve_of(row), mode, at))
    return made


def _group_name(row: Row, names: Mapping[Path, str]) -> str:
    """What its runs' names have in common, where that says anything; else that it is a group."""
    own = [names[view.path] for view in row.views]
    shared = shared_start(own)
    return shared.rstrip("-_ ./=") or f"{len(row.views)} runs"


def _read(row: Row, name: str, differs: str, curve: Curve | None, mode: str, at: float | None) -> Entry:
    if curve is None or not curve.y.size:
        return Entry(row, name, differs, None, None, None)
    index = None if at is None else nearest_index(curve.x, at)
    here = None if index is None else float(curve.y[index])
    place = curve.y.size - 1 if index is None else index
    finite = curve.y[np.isfinite(curve.y)]
    best = None
    if mode and finite.size:
        best = float(finite.max() if mode == "max" else finite.min())
    away = None
    if curve.spread is not None and curve.spread.count[place] > 1:
        away = float(curve.spread.high[place]) / 2 - float(curve.spread.low[place]) / 2
    return Entry(row, name, differs, float(curve.y[-1]), best, here, away)


def mode_of(metric: str, monitor: tuple[str, str] | None) -> str:
    """``min`` or ``max``, as the monitor or the metric's name tells; "" where neither does."""
    if monitor is not None and monitor[0] == metric:
        return monitor[1]
    return better(metric)


@dataclass(frozen=True, slots=True)
class _Widths:
    """Cells of the columns; 0 leaves one out."""

    name: int
    differs: int
    numbers: int
    """Of each of the values."""
    away: int
    shown: tuple[str, ...]
    """Which values."""


def legend_width(shown: Sequence[Entry], *, at: bool) -> int:
    """Cells in which nothing is cut."""
    name = max((cell_len(each.name) + 2 * (each.row.kind == "member") for each in shown), default=0)
    differs = max((cell_len(each.differs) for each in shown), default=0)
    numbers = (2 + at) * (_NUMBER + 2) + (_NUMBER + 2) * any(each.away is not None for each in shown)
    return _SIGNS + min(name, _MOST_NAME) + (differs + 2 if differs else 0) + numbers


def legend_lines(
    shown: Sequence[Entry], chosen: int, width: int, room: int, ink: Ink, g: Glyphs, *, metric: str, at: bool
) -> tuple[list[Line], list[Entry | None], int | None]:
    """A line of titles and as many rows as fit, with the chosen one among them; the entry of each line (None
    for titles and notes); the number of the chosen line."""
    widths = _widths(shown, width, at=at)
    head = _head(widths, width, metric)
    space = max(1, room - 1)
    noted = len(shown) > space and space > 2
    visible = min(len(shown), space - noted)
    first = min(max(0, chosen - visible // 2), len(shown) - visible)
    names = _names(shown, widths.name)
    lines: list[Line] = [head]
    told: list[Entry | None] = [None]
    for number in range(first, first + visible):
        lines.append(_row(shown[number], names[number], widths, width, ink, g, chosen=number == chosen))
        told.append(shown[number])
    if noted:
        lines.append(line((f"  {first + 1} to {first + visible} of {len(shown)}", "dim")))
        told.append(None)
    return lines, told, chosen - first + 1 if shown else None


def _names(shown: Sequence[Entry], width: int) -> list[str]:
    """Shortened against each other; the runs of groups stand in a little."""
    heads = names_apart([each.name for each in shown if each.row.kind != "member"], width)
    inner = names_apart([each.name for each in shown if each.row.kind == "member"], width - 2)
    outer, inside = iter(heads), iter(inner)
    return [f"  {next(inside)}" if each.row.kind == "member" else next(outer) for each in shown]


def _widths(shown: Sequence[Entry], width: int, *, at: bool) -> _Widths:
    values = ["here", "last", "best"] if at else ["last", "best"]
    away = _NUMBER + 2 if any(each.away is not None for each in shown) else 0
    name = max((cell_len(each.name) + 2 * (each.row.kind == "member") for each in shown), default=0)
    differs = max((cell_len(each.differs) for each in shown), default=0)
    least = min(name, _LEAST_NAME)
    while len(values) > 1 and _SIGNS + least + away + len(values) * (_NUMBER + 2) > width:
        values.pop()
    room = width - _SIGNS - len(values) * (_NUMBER + 2) - away
    if room < least and away:
        room, away = room + away, 0
    name = min(name, _MOST_NAME, max(least, room))
    differs = min(differs, max(0, room - name - 2))
    if differs < _LEAST_DIFFERENCE:
        wanted = min(max((cell_len(each.differs) for each in shown), default=0), 2 * _LEAST_DIFFERENCE)
        # The names give way to the settings, which say more.
        name = max(least, min(name, room - wanted - 2)) if wanted else name
        differs = min(wanted, max(0, room - name - 2))
    return _Widths(name, differs, _NUMBER, away, tuple(values))


def _head(widths: _Widths, width: int, metric: str) -> Line:
    titles = {"here": "here", "last": "last", "best": "best"}
    parts = [Bit(" " * _SIGNS), Bit(column("run", widths.name), "dim")]
    if widths.differs:
        parts.append(Bit("  " + column("differs in", widths.differs), "dim"))
    numbers = "".join(f"  {column(titles[each], _NUMBER, right=True)}" for each in widths.shown)
    room = _SIGNS + widths.name - 2
    if cell_len(metric) <= room:
        parts = [Bit(column(f"  {metric}", _SIGNS + widths.name), "title"), *parts[2:]]
    return fit((*parts, Bit(numbers, "dim")), width)


def _row(each: Entry, name: str, widths: _Widths, width: int, ink: Ink, g: Glyphs, *, chosen: bool) -> Line:
    row = each.row
    on = bool(row.on)
    quiet: Tone = "text" if on else "dim"
    bits = [Bit(f"{g.cursor} " if chosen else "  ", "accent"), Bit(f"{row.letter or ' '} ", quiet)]
    bits += [Bit(_sample(row, ink, g), quiet), Bit(" ")]
    bits += _status(row, g)
    bits.append(
        Bit(column(name, widths.name), ("strong" if row.kind == "group" else "text") if on else "dim")
    )
    if widths.differs:
        bits.append(Bit("  " + column(in_the_middle(each.differs, widths.differs), widths.differs), "dim"))
    values = {"here": each.here, "last": each.last, "best": each.best}
    for number, what in enumerate(widths.shown):
        value = values[what]
        broken = value is not None and not math.isfinite(value)
        tone: Tone = "bad" if broken and on else quiet
        bits.append(Bit(f"  {column(formatting.number(value), _NUMBER, right=True)}", tone))
        if number == 0 and widths.away:
            pm = "±" if g.spark[0] != "." else "+-"
            told = f" {pm}{formatting.number(each.away)}" if each.away is not None else ""
            bits.append(Bit(column(told, widths.away), "dim"))
    return fit(tuple(bits), width)


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
        parts.append(line((f"{g.warn} not the same: {', '.join(unfair)}", "warn"), ("  g", "key")))
    separator = Bit(f" {g.dot} ", "dim")
    kept: list[Bit] = []
    for part in parts:
        kept += [separator, *part] if kept else part
    return fit(tuple(kept), width)


_BAND_WORDS: Final = {"band": "mean ± std of repeats", "both": "mean ± std, runs behind it", "lines": ""}


def status_words(band: Band, charts: Callable[[int], Line], width: int, g: Glyphs) -> Line:
    """How the repeats are drawn, behind what the charts say of themselves."""
    words = _BAND_WORDS[band] if g.spark[0] != "." else _BAND_WORDS[band].replace("±", "+-")
    told = charts(width)
    return packed((told, line((words, "dim"))), Bit(f" {g.dot} ", "dim"), width)
