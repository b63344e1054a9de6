"""The list of runs: which columns fit, and one line a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from guardtui import formatting
from guardtui.glyphs import UNICODE, Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, Tone, clean, column, fit, line, shorten, width_of
from guardtui.viewmodel.faces import signal_words, status_face
from guardtui.viewmodel.progress import bar, eta_words, fraction
from guardtui.viewmodel.trend import trend

GUTTER: Final = 2
_WIDE: Final = 110
"""From this width on columns stand two cells apart."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its cells, how wide it may be, and how readily it is given up."""

    title: str
    least: int
    most: int
    """Beyond that more room would be of no use."""
    rank: int
    """0 is never dropped; higher ranks go first when room is short."""
    cell: Callable[[RunView, int, Glyphs], Line]
    right: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with the width it got."""

    column: Column
    width: int
    gap: int
    """Blank cells before it."""


def _status(view: RunView, width: int, g: Glyphs) -> Line:
    face = status_face(view.state.status, g)
    return line((f"{face.shape} {face.word}", face.tone))


def _name(view: RunView, width: int, g: Glyphs) -> Line:
    name = shorten(clean(view.state.name) or clean(view.path.name), width)
    group = clean(view.state.group or "")
    room = width - width_of(line(name)) - 2
    return line((name, "strong"), (f"  {shorten(group, room)}" if group and room >= 4 else "", "dim"))


def _progress(view: RunView, width: int, g: Glyphs) -> Line:
    part = fraction(view.state)
    if part is None:
        steps = formatting.count(view.state.step)
        return line((steps if len(steps) + 5 > width else f"step {steps}", "dim")) if view.state.step else ()
    drawn = bar(view.state, width - 5, g)
    return (Bit(column(formatting.percent(part), 4, right=True)), *((Bit(" "), *drawn) if drawn else ()))


def _eta(view: RunView, width: int, g: Glyphs) -> Line:
    return line(eta_words(view.state))


def _metric(view: RunView, width: int, g: Glyphs) -> Line:
    monitor = view.state.monitor
    return line((clean(monitor.name), "dim")) if monitor else ()


def _number(value: float | None, tone: Tone) -> Line:
    text = formatting.number(value)
    return line((text, "bad" if text in ("NaN", "inf", "-inf") else "dim" if value is None else tone))


def _last(view: RunView, width: int, g: Glyphs) -> Line:
    return _number(view.state.monitor.last if view.state.monitor else None, "text")


def _best(view: RunView, width: int, g: Glyphs) -> Line:
    return _number(view.state.monitor.best if view.state.monitor else None, "strong")


def _trend(view: RunView, width: int, g: Glyphs) -> Line:
    return trend(view.trend, width, g)


def _signal(view: RunView, width: int, g: Glyphs) -> Line:
    return signal_words(view.state, g, message=width >= 32)


def _age(view: RunView, width: int, g: Glyphs) -> Line:
    return line((formatting.age(view.age_s), "dim"))


COLUMNS: Final = (
    Column("STATUS", 10, 10, 0, _status),
    Column("RUN", 12, 0, 0, _name),
    Column("PROGRESS", 10, 22, 1, _progress),
    Column("ETA", 4, 4, 3, _eta, right=True),
    Column("METRIC", 12, 14, 6, _metric),
    Column("LAST", 7, 7, 2, _last, right=True),
    Column("BEST", 7, 7, 2, _best, right=True),
    Column("TREND", 8, 20, 5, _trend),
    Column("SIGNAL", 12, 60, 1, _signal),
    Column("AGE", 3, 3, 4, _age, right=True),
)


def gap_of(width: int) -> int:
    """Blank cells between two columns."""
    return 2 if width >= _WIDE else 1


def placed(width: int, views: Iterable[RunView] = ()) -> tuple[Placed, ...]:
    """The columns that fit into ``width`` cells, each as wide as is useful; names of runs come first."""
    room, gap = width - GUTTER, gap_of(width)
    kept = list(COLUMNS)
    while len(kept) > 1 and sum(c.least + gap for c in kept) - gap > room:
        kept.remove(max(kept, key=lambda c: c.rank))
    widths = {c.title: c.least for c in kept}
    spare = room - sum(widths.values()) - gap * (len(kept) - 1)
    useful = _useful_widths(tuple(views))
    for title, wanted in (("RUN", 18), ("SIGNAL", 18), ("RUN", 30)):
        if title in widths:
            more = min(spare, max(0, min(wanted, useful[title]) - widths[title]))
            widths[title] += more
            spare -= more
    useful["SIGNAL"] = 60 if useful["SIGNAL"] else 0
    while spare > 0:
        growing = [c for c in kept if widths[c.title] < useful.get(c.title, c.most)]
        if not growing:
            break
        for c in growing[:spare]:
            widths[c.title] += 1
        spare -= len(growing[:spare])
    return tuple(Placed(c, widths[c.title], gap if number else 0) for number, c in enumerate(kept))


def _useful_widths(views: Sequence[RunView]) -> dict[str, int]:
    """What the texts of these runs would take."""
    signals = [width_of(signal_words(view.state, UNICODE, message=False)) for view in views]
    names = [width_of(_name(view, 60, UNICODE)) for view in views]
    return {"RUN": max(names, default=30), "SIGNAL": max(signals, default=60)}


def header(columns: Sequence[Placed]) -> Line:
    """Titles above the columns."""
    titles = "".join(" " * p.gap + column(p.column.title, p.width, right=p.column.right) for p in columns)
    return line((" " * GUTTER + titles, "dim"))


def row(view: RunView, columns: Sequence[Placed], *, selected: bool, g: Glyphs) -> Line:
    """One run on one line."""
    bits: list[Bit] = [Bit(column(g.cursor if selected else "", GUTTER), "accent")]
    for p in columns:
        bits.append(Bit(" " * p.gap))
        cell = fit(p.column.cell(view, p.width, g), p.width)
        space = Bit(" " * (p.width - width_of(cell)))
        bits.extend((space, *cell) if p.column.right else (*cell, space))
    return tuple(bit for bit in bits if bit.text)
