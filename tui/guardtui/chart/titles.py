"""The title row: name, notes and the legend with values, less and less of it as the room shrinks. Pure."""

from __future__ import annotations

import math
import unicodedata
from typing import NamedTuple, TypeAlias

import numpy as np

from guardrun.series.downsample import monotone_pieces, usable_x
from guardtui.chart.frame import STYLE_INDEX, role_style
from guardtui.chart.ink import Ink
from guardtui.chart.model import ChartModel, Curve, Floats, Mark
from guardtui.chart.raster import Traced
from guardtui.chart.ticks import short, step_text


class Piece(NamedTuple):
    """Text in one style."""

    text: str
    style: int


Line: TypeAlias = list[Piece]

_MIN_GAP = 2
_MOST_PIECES = 64
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
) -> Line:
    """The best title row of exactly ``width`` cells: left the name and what is wrong, right the legend."""
    name = one_cell(model.title)
    extra = f" +{offset}" if offset else ""
    unit = f" ({one_cell(model.unit)})" if model.unit not in _KNOWN_UNITS else ""
    head = [Piece(name, STYLE_INDEX["title"]), Piece(extra + unit, STYLE_INDEX["label"])]
    urgent = _urgent_notes(traced, model, clipped, brief=True)
    brief = [*urgent, *_other_notes(model, brief=True)]
    if model.readout is not None:
        tails = _readout_tails(model, marks, ink)
        notes: list[Line] = [urgent, []]
    else:
        tails = _legend_tails(model.curves, ink, model.unit, model.title)
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


def _legend_tails(curves: tuple[Curve, ...], ink: Ink, unit: str, title: str) -> list[Line]:
    """Legends from the fullest to none: with values; labels; the first labels and how many more."""
    named = [curve for curve in curves if curve.label]
    values = {id(curve): _last_text(curve, unit) for curve in named}
    tails = [_entries([(curve, values[id(curve)]) for curve in named], ink)]
    if len(named) > 1:
        tails.append(_entries([(curve, "") for curve in named], ink))
        for kept in range(len(named) - 1, 0, -1):
            more = Piece(f"  +{len(named) - kept}", STYLE_INDEX["label"])
            tails.append([*_entries([(curve, "") for curve in named[:kept]], ink), more])
    elif named:
        bare = [Piece(values[id(named[0])], role_style(named[0].color))]
        tails = [bare] if named[0].label in title else [*tails, bare]
    return [*tails, []]


def _entries(pairs: list[tuple[Curve, str]], ink: Ink) -> Line:
    line: Line = []
    for curve, value in pairs:
        style = role_style(curve.color)
        symbol = curve_symbol(ink, len(line) // 2) if ink.per_curve else ink.lines["swatch"]
        space = "  " if line else ""
        line.append(Piece(f"{space}{symbol} {one_cell(curve.label)}", style))
        line.append(Piece(f" {value}" if value else "", STYLE_INDEX["text"]))
    return line


def curve_symbol(ink: Ink, index: int) -> str:
    """The character of the curve with this index, for inks that tell curves apart by characters."""
    symbols = ink.per_curve[1:]
    return symbols[index % len(symbols)]


def _last_text(curve: Curve, unit: str) -> str:
    return short(float(curve.y[-1]), unit) if curve.y.size else ""


def _readout_tails(model: ChartModel, marks: list[Mark], ink: Ink) -> list[Line]:
    """The values at the readout's x: with the marks there; without; the values alone."""
    at = model.readout if model.readout is not None else 0.0
    found = [(curve, nearest(curve, at)) for curve in model.curves]
    pairs = [(curve, short(point[1], model.unit)) for curve, point in found if point is not None]
    shown = [point[0] for _, point in found if point is not None]
    where = step_text(min(shown, key=lambda x: abs(x - at)) if shown else at, model.x_unit)
    head = Piece(f"{one_cell(model.x_label)} {where}", STYLE_INDEX["title"])
    texts = [Piece(f"  {ink.marks[m.kind]} {one_cell(m.text or m.kind)}", mark_style(m)) for m in marks]
    entries = [Piece("  ", STYLE_INDEX["blank"]), *_entries(pairs, ink)]
    bare = [Piece(f" {value}", role_style(curve.color)) for curve, value in pairs]
    tails = [[head, *entries, *texts], [head, *entries], [Piece(where, STYLE_INDEX["title"]), *bare]]
    tails += [[Piece(where, STYLE_INDEX["title"]), *bare[:kept]] for kept in range(len(bare) - 1, -1, -1)]
    return [*tails, []]


def mark_style(mark: Mark) -> int:
    """The style of a mark's sign."""
    return STYLE_INDEX["alarm" if mark.kind == "nonfinite" else mark.kind]


def nearest(curve: Curve, x: float) -> tuple[float, float] | None:
    """The curve's point (x, y) whose x lies nearest; of a repeated step the newest. None without points."""
    index = nearest_index(curve.x, x)
    return None if index is None else (float(curve.x[index]), float(curve.y[index]))


def nearest_index(along: Floats, x: float) -> int | None:
    """The index of the value nearest to ``x``, of equally near ones the newest. None without any."""
    if not np.isfinite(x) or along.size == 0:
        return None
    usable = usable_x(along)
    if not usable.all():
        places = np.flatnonzero(usable)
        found = nearest_index(along[places], x)
        return None if found is None else int(places[found])
    pieces = monotone_pieces(along)
    if len(pieces) > _MOST_PIECES:
        distances = np.abs(along / 2 - x / 2)
        return int(np.flatnonzero(distances == distances.min())[-1])
    best, least = 0, math.inf
    for piece in pieces:
        for index in _candidates(along[piece], x):
            distance = abs(float(along[piece.start + index]) / 2 - x / 2)
            if distance <= least:
                best, least = piece.start + index, distance
    return best


def _candidates(rising: Floats, x: float) -> list[int]:
    """The last value at or below ``x``, and the newest of those that follow."""
    after = int(np.searchsorted(rising, x, side="right"))
    found = [after - 1] if after else []
    if after < rising.size:
        found.append(int(np.searchsorted(rising, rising[after], side="right")) - 1)
    return found
