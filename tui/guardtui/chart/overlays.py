"""Around and over the curves: axes, marks, the cursor, and where a value was not finite. Pure."""

from __future__ import annotations

import numpy as np

from guardrun.series.downsample import Spans
from guardtui.chart.canvas import Canvas
from guardtui.chart.frame import STYLE_INDEX, PlotArea, role_style
from guardtui.chart.ink import Ink
from guardtui.chart.model import ChartModel, Floats, Mark
from guardtui.chart.raster import Traced
from guardtui.chart.scale import Limits
from guardtui.chart.ticks import Ticks, axis_ticks
from guardtui.chart.titles import curve_letters, mark_style, one_cell

_MARK_ORDER = (
    "lr", "resume", "notice", "last", "best", "warning", "stop", "nonfinite", "signal",
)  # fmt: skip
"""Of marks in one cell the last of these is seen."""
_X_LABEL_ROOM = 10


def draw_value_axis(canvas: Canvas, ticks: Ticks | None, area: PlotArea, ink: Ink) -> None:
    """Labels right-aligned in the gutter, and a wall with a notch at each."""
    if area.left < 1:
        return
    canvas.chars[area.top : area.top + area.height, area.left - 1] = ink.lines["wall"]
    canvas.styles[area.top : area.top + area.height, area.left - 1] = STYLE_INDEX["axis"]
    if ticks is None:
        return
    taken: set[int] = set()
    # From the ends inwards, so that at least both ends are labelled in a short chart.
    for index in _ends_first(len(ticks.positions)):
        row = _row_of(ticks.positions[index], area, ink)
        if row in taken:
            continue
        taken.add(row)
        label = ticks.labels[index][: area.left - 1]
        canvas.put(area.top + row, area.left - 1 - len(label), label, STYLE_INDEX["label"])
        canvas.put(area.top + row, area.left - 1, ink.lines["wall_tick"], STYLE_INDEX["axis"])


def _ends_first(count: int) -> list[int]:
    return [] if count == 0 else sorted({0, count - 1}) + list(range(1, count - 1))


def _row_of(position: float, area: PlotArea, ink: Ink) -> int:
    """The cell row of the dot that a value at this position sets."""
    dot = round((1.0 - position) * (area.height * ink.rows - 1))
    return min(area.height - 1, max(0, dot // ink.rows))


def draw_step_axis(canvas: Canvas, model: ChartModel, area: PlotArea, ink: Ink, *, labels: bool) -> None:
    """A floor below the plot area; its labels have a row of their own, or lie in the floor itself."""
    row = area.top + area.height
    canvas.chars[row, area.left : area.left + area.width] = ink.lines["floor"]
    canvas.styles[row, max(0, area.left - 1) : area.left + area.width] = STYLE_INDEX["axis"]
    if area.left:
        canvas.chars[row, area.left - 1] = ink.lines["corner"]
    whole = not model.x_unit and area.x.high / 2 - area.x.low / 2 >= 1.0
    ticks = axis_ticks(area.x, max(2, area.width // _X_LABEL_ROOM), model.x_unit, whole=whole)
    title = one_cell(model.x_label) + (f" +{ticks.offset}" if ticks.offset else "")
    label_row = row + 1 if labels else row
    taken = np.zeros(area.left + area.width + 1, bool)
    for position, label in zip(ticks.positions, ticks.labels, strict=True):
        column = area.left + min(area.width - 1, int(position * area.width))
        start = min(max(column - len(label) // 2, 0), area.left + area.width - len(label))
        if start < 0 or taken[max(0, start - 1) : start + len(label) + 1].any():
            continue
        taken[start : start + len(label)] = True
        canvas.put(label_row, start, label, STYLE_INDEX["label"])
        if labels:
            canvas.put(row, column, ink.lines["floor_tick"], STYLE_INDEX["axis"])
    _put_axis_title(canvas, title, taken, label_row, area)


def _put_axis_title(
    canvas: Canvas, title: str, taken: np.ndarray[tuple[int], np.dtype[np.bool_]], row: int, area: PlotArea
) -> None:
    """The axis's name in the last gap that holds it."""
    if not title:
        return
    room = len(title) + 4
    for start in range(area.left + area.width - room, area.left - 1, -1):
        if not taken[start : start + room].any():
            canvas.put(row, start + 2, title, STYLE_INDEX["label"])
            return


def draw_non_finite(canvas: Canvas, traced: list[Traced], area: PlotArea, ink: Ink) -> None:
    """At the top edge where a value was NaN or +inf, at the bottom edge where it was -inf."""
    bottom = area.top + area.height - 1
    for each in traced:
        for where, sign, row in (
            (each.nan_x, "nan", area.top),
            (each.up_x, "up", area.top),
            (each.down_x, "down", bottom),
        ):
            for column in _cells_of(where, area):
                canvas.put(row, column, ink.marks[sign], STYLE_INDEX["alarm"])


def draw_clipped(canvas: Canvas, traced: list[Traced], y: Limits, area: PlotArea, ink: Ink) -> None:
    """At the edges, in the curve's colour, where values lie outside the axis on purpose."""
    for each in traced:
        style = role_style(each.curve.color)
        for columns, sign, row in (
            (each.raw.column[each.raw.high > y.high], "over", area.top),
            (each.raw.column[each.raw.low < y.low], "under", area.top + area.height - 1),
        ):
            for column in np.unique(columns // ink.columns).tolist():
                canvas.put(row, area.left + column, ink.marks[sign], style)


def _cells_of(x: Floats, area: PlotArea) -> list[int]:
    if x.size == 0:
        return []
    position = area.x.position(x)
    position = position[(position >= 0.0) & (position <= 1.0)]
    columns = np.unique(np.minimum((position * area.width).astype(np.intp), area.width - 1))
    cells: list[int] = (columns + area.left).tolist()
    return cells


def draw_marks(canvas: Canvas, model: ChartModel, area: PlotArea, ink: Ink, *, axis: bool) -> None:
    """Signs on the axis row (or the lowest row of a chart that has none); a resume is a dotted line.

    Where two kinds fall into one cell the less important one moves to the cell beside it.
    """
    row = area.top + area.height - (0 if axis else 1)
    taken: dict[int, str] = {}
    for kind in reversed(_MARK_ORDER):
        for mark in model.marks:
            column = area.column_of(mark.x) if mark.kind == kind and np.isfinite(mark.x) else None
            if column is None:
                continue
            if kind == "resume":
                _draw_rule(canvas, column, area, ink.marks["resume"], STYLE_INDEX["resume"])
            if kind == "nonfinite":
                canvas.put(area.top, column, ink.marks[kind], mark_style(mark))
            place = _free_place(column, kind, taken, area)
            if place is not None and (axis or kind != "resume"):
                taken[place] = kind
                canvas.put(row, place, ink.marks[kind], mark_style(mark))


def _free_place(column: int, kind: str, taken: dict[int, str], area: PlotArea) -> int | None:
    """The column itself or one beside it; None when the kind is there already or all are taken."""
    if taken.get(column) == kind:
        return None
    places = (column,) if kind == "resume" else (column, column - 1, column + 1)
    inside = range(area.left, area.left + area.width)
    return next((place for place in places if place in inside and place not in taken), None)


def draw_cursor(canvas: Canvas, model: ChartModel, area: PlotArea, ink: Ink) -> None:
    """A thin line at the readout's x, behind the curves."""
    if model.readout is None or not np.isfinite(model.readout):
        return
    column = area.column_of(model.readout)
    if column is not None:
        _draw_rule(canvas, column, area, ink.marks["cursor"], STYLE_INDEX["cursor"])


def _draw_rule(canvas: Canvas, column: int, area: PlotArea, sign: str, style: int) -> None:
    """A vertical line in the cells that are still empty."""
    rows = slice(area.top, area.top + area.height)
    empty = canvas.chars[rows, column] == " "
    canvas.chars[rows, column][empty] = sign
    canvas.styles[rows, column][empty] = style


def draw_letters(canvas: Canvas, traced: list[Traced], y: Limits, area: PlotArea, ink: Ink) -> None:
    """Without colours: each curve's letter beside its newest visible value, or further back on the curve
    where another one's letter is."""
    taken: set[tuple[int, int]] = set()
    letters = curve_letters([each.curve for each in traced])
    for each, letter in zip(traced, letters, strict=True):
        spans = each.bright if each.bright is not None else each.raw
        if spans.column.size == 0 or not each.curve.label:
            continue
        order = np.argsort(spans.column, kind="stable")
        places = order[[round(share / 10 * (order.size - 1)) for share in range(10, 1, -1)]].tolist()
        cells = [_letter_cell(spans, place, y, area, ink) for place in places]
        cell = next((cell for cell in cells if cell not in taken), cells[0])
        taken.add(cell)
        canvas.put(*cell, letter, role_style(each.curve.color))


def _letter_cell(spans: Spans, place: int, y: Limits, area: PlotArea, ink: Ink) -> tuple[int, int]:
    """The row of the value in one dot column, and the cell to the right of it."""
    middle = float(y.position(np.array([spans.low[place] / 2 + spans.high[place] / 2]))[0])
    column = min(int(spans.column[place]) // ink.columns + 1, area.width - 1)
    return area.top + _row_of(min(max(middle, 0.0), 1.0), area, ink), area.left + column


def marks_near(model: ChartModel, area: PlotArea) -> list[Mark]:
    """Marks in the cell column of the readout, the most important first."""
    if model.readout is None or not np.isfinite(model.readout):
        return []
    column = area.column_of(model.readout)
    if column is None:
        return []
    near = [m for m in model.marks if np.isfinite(m.x) and area.column_of(m.x) == column]
    return sorted(near, key=lambda mark: -_MARK_ORDER.index(mark.kind))
