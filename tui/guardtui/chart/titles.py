"""The title row: name, notes and the legend with values, less and less of it as the room shrinks. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from string import ascii_lowercase
from typing import NamedTuple, TypeAlias

from guardtui.chart.frame import STYLE_INDEX, role_style
from guardtui.chart.ink import Ink
from guardtui.chart.model import ChartModel, Curve, Mark
from guardtui.chart.raster import Traced
from guardtui.chart.reading import nearest_index, value_text
from guardtui.chart.ticks import step_text


class Piece(NamedTuple):
    """Text in one style."""

    text: str
    style: int


Line: TypeAlias = list[Piece]

_MIN_GAP = 2
_MOST_BARE = 3
"""Values without names are told apart while there are so few."""
_KNOWN_UNITS = ("", "s", "B", "%")


def title_line(
    model: ChartModel,
    traced: list[Traced],
    ink: Ink,
    width: int,
    *,
    offset: str,
    marks: list[Mark],
    clipped: int,
    mono: bool,
) -> Line:
    """The best title row of exactly ``width`` cells: left the name and what is wrong, right the legend."""
    name = one_cell(model.title)
    extra = f" +{offset}" if offset else ""
    unit = f" ({one_cell(model.unit)})" if model.unit not in _KNOWN_UNITS else ""
    head = [Piece(name, STYLE_INDEX["title"]), Piece(extra + unit, STYLE_INDEX["label"])]
    urgent = _urgent_notes(traced, model, clipped, brief=True)
    brief = [*urgent, *_other_notes(model, brief=True)]
    signs = curve_signs(model.curves, ink, mono=mono)
    if model.readout is not None:
        tails = _readout_tails(model, marks, signs, ink)
        notes: list[Line] = [urgent, []]
    else:
        tails = _legend_tails(model.curves, signs, model.unit, model.title)
        whole = _urgent_notes(traced, model, clipped, brief=False)
        notes = [[*whole, *_other_notes(model, brief=False)], brief, urgent]
    for tail in tails:
        for note in notes:
            left = [*head, *note]
            if length(left) + _MIN_GAP * bool(tail) + length(tail) <= width:
                return _joined(left, tail, width)
    if urgent and length(urgent) < width:
        # What is wrong stays; of the name, what fits beside it.
        return [*_cut(head[:1], width - length(urgent), ink), *urgent]
    return _cut(head[:1], width, ink)


def one_cell(text: str) -> str:
    """Text in which every character takes one cell: what would take two or none becomes a question mark."""
    if text.isascii():
        return text
    return "".join(
        "?" if unicodedata.east_asian_width(c) in "WF" or unicodedata.combining(c) else c for c in text
    )


def length(line: Line) -> int:
    """Cells of a line."""
    return sum(len(piece.text) for piece in line)


def _joined(left: Line, right: Line, width: int) -> Line:
    gap = width - length(left) - length(right)
    return [*left, Piece(" " * gap, STYLE_INDEX["blank"]), *right]


def _cut(line: Line, width: int, ink: Ink) -> Line:
    if length(line) <= width:
        return line
    cut: Line = []
    left = width - 1
    for piece in line:
        cut.append(Piece(piece.text[: max(left, 0)], piece.style))
        left -= len(piece.text)
    return [*cut, Piece(ink.lines["ellipsis"], STYLE_INDEX["title"])] if width > 0 else []


def _urgent_notes(traced: list[Traced], model: ChartModel, clipped: int, *, brief: bool) -> Line:
    """What the curve can't show by itself: non-finite values, what a log axis hides, what is clipped."""
    first = [float(each.min()) for t in traced for each in (t.nan_x, t.up_x, t.down_x) if each.size]
    nans = sum(t.nan_x.size for t in traced)
    infinite = sum(t.up_x.size + t.down_x.size for t in traced)
    hidden = sum(t.hidden for t in traced)
    line: Line = []
    if first:
        what = "NaN" if not infinite else "inf" if not nans else "NaN, inf"
        where = "" if brief else f" from {step_text(min(first), model.x_unit)}"
        line.append(Piece(f" {what}{where}", STYLE_INDEX["alarm"]))
    if hidden:
        what = f" {hidden} at or below 0 hidden" if not brief else f" {hidden} hidden"
        line.append(Piece(what, STYLE_INDEX["note"]))
    if clipped:
        line.append(Piece(f" {clipped:,} clipped", STYLE_INDEX["note"]))
    return line


def _other_notes(model: ChartModel, *, brief: bool) -> Line:
    """How the curves are drawn."""
    line: Line = []
    if model.log_y:
        line.append(Piece(" log", STYLE_INDEX["note"]))
    if model.smoothing > 0 and not brief:
        line.append(Piece(f" smooth {model.smoothing:g}", STYLE_INDEX["note"]))
    return line


def _legend_tails(curves: tuple[Curve, ...], signs: list[str], unit: str, title: str) -> list[Line]:
    """Legends from the fullest to none: all with values; all labels; the first ones and how many more."""
    named = [_Entry(sign, curve, _last_text(curve, unit)) for sign, curve in zip(signs, curves, strict=True)]
    named = [entry for entry in named if entry.curve.label]
    tails = [_entries(named)]
    if len(named) > 1:
        bare = [entry._replace(value="") for entry in named]
        tails += [_entries(bare), *_cut_short(named), *_cut_short(bare)]
    elif named:
        alone = [Piece(named[0].value, role_style(named[0].curve.color))]
        tails = [alone] if named[0].curve.label in title else [*tails, alone]
    return [*tails, []]


def _cut_short(entries: list[_Entry]) -> list[Line]:
    """The first entries and how many more there are, from many to one."""
    label = STYLE_INDEX["label"]
    kept = range(len(entries) - 1, 0, -1)
    return [[*_entries(entries[:count]), Piece(f"  +{len(entries) - count}", label)] for count in kept]


class _Entry(NamedTuple):
    """One curve in the title row."""

    sign: str
    curve: Curve
    value: str


def _entries(entries: list[_Entry]) -> Line:
    line: Line = []
    for sign, curve, value in entries:
        space = "  " if line else ""
        line.append(Piece(f"{space}{sign} {one_cell(curve.label)}", role_style(curve.color)))
        line.append(Piece(f" {value}" if value else "", STYLE_INDEX["text"]))
    return line


def curve_symbol(ink: Ink, index: int, role: str = "") -> str:
    """The character of the curve with this index, for inks that tell curves apart by characters. A run keeps
    its own, as it keeps its colour, on every chart."""
    symbols = ink.per_curve[1:]
    number = role.removeprefix("run")
    if number != role and number.isascii() and number.isdigit():
        index = int(number) - 1
    return symbols[index % len(symbols)]


def curve_signs(curves: Sequence[Curve], ink: Ink, *, mono: bool) -> list[str]:
    """What stands for each curve in a legend: its character where it is drawn by one, else its letter where
    there are no colours, else a sample of its colour."""
    if ink.per_curve:
        return [curve_symbol(ink, index, curve.color) for index, curve in enumerate(curves)]
    return curve_letters(curves) if mono and len(curves) > 1 else [ink.lines["swatch"]] * len(curves)


def curve_letters(curves: Sequence[Curve]) -> list[str]:
    """A letter for each curve: the first one of its label, or a, b, c … where two have the same; "" for one
    without a label, where the others have one."""
    first = [one_cell(curve.label)[:1] for curve in curves]
    named = [letter for letter in first if letter]
    if named and len(set(named)) == len(named):
        return first
    return [ascii_lowercase[index % len(ascii_lowercase)] for index in range(len(curves))]


def _last_text(curve: Curve, unit: str) -> str:
    return value_text(curve, -1, unit) if curve.y.size else ""


def _readout_tails(model: ChartModel, marks: list[Mark], signs: list[str], ink: Ink) -> list[Line]:
    """The values at the readout's x: with the marks there; without; of the first curves; values alone."""
    at = model.readout if model.readout is not None else 0.0
    entries, shown = [], []
    for sign, curve in zip(signs, model.curves, strict=True):
        index = nearest_index(curve.x, at)
        if index is not None:
            entries.append(_Entry(sign, curve, value_text(curve, index, model.unit)))
            shown.append(float(curve.x[index]))
    where = step_text(min(shown, key=lambda x: abs(x - at)) if shown else at, model.x_unit)
    head = Piece(f"{one_cell(model.x_label)} {where}", STYLE_INDEX["title"])
    texts = [Piece(f"  {ink.marks[m.kind]} {one_cell(m.text or m.kind)}", mark_style(m)) for m in marks]
    gap, place = Piece("  ", STYLE_INDEX["blank"]), Piece(where, STYLE_INDEX["title"])
    bare = [Piece(f" {entry.value}", role_style(entry.curve.color)) for entry in entries]
    tails: list[Line] = [[head, gap, *_entries(entries), *texts], [head, gap, *_entries(entries)]]
    if len(entries) <= _MOST_BARE:
        tails.append([place, *bare])
    tails += [[place, gap, *line] for line in _cut_short(entries)]
    tails += [[place, *bare[:kept]] for kept in range(min(len(bare), _MOST_BARE), -1, -1)]
    return [*tails, []]


def mark_style(mark: Mark) -> int:
    """The style of a mark's sign."""
    return STYLE_INDEX["alarm" if mark.kind == "nonfinite" else mark.kind]
