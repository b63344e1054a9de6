"""A chart model as a frame of characters. Pure: the same model, size and memory give the same frame.

From the outside in: the layout (title row, gutter of y labels, axis rows) gives the plot area; x limits
give the dot columns; the curves are reduced to spans of dot columns; their extremes give the y limits;
spans and limits give dots; dots become characters, with marks and labels around them.
"""

from __future__ import annotations

import math

import numpy as np

from guardtui.chart import overlays
from guardtui.chart.canvas import Canvas
from guardtui.chart.frame import STYLE_INDEX, Frame, Memory, PlotArea, role_style
from guardtui.chart.ink import BRAILLE, Ink, pack
from guardtui.chart.model import ChartModel, Curve, Floats
from guardtui.chart.raster import Traced, fill, trace, value_range
from guardtui.chart.scale import Limits, log_limits, step_limits, value_limits, window_limits
from guardtui.chart.ticks import Ticks, axis_ticks
from guardtui.chart.titles import curve_symbol, one_cell, title_line

_GUTTER_FROM_WIDTH = 16
_GUTTER = 6
_GUTTER_MOST = 11
_AXIS_FROM_HEIGHT, _LABELS_FROM_HEIGHT = 4, 6


def draw(
    model: ChartModel,
    width: int,
    height: int,
    *,
    memory: Memory | None = None,
    ink: Ink = BRAILLE,
    mono: bool = False,
) -> Frame:
    """Draw a chart into ``width`` by ``height`` cells.

    Args:
        memory: of the frame drawn before, so that axes move in steps; None starts afresh.
        mono: there are no colours: several curves get the first letter of their label at their end.
    """
    memory = memory or Memory()
    canvas = Canvas(max(width, 0), max(height, 0))
    if width < 1 or height < 1:
        return Frame(canvas.chars, canvas.styles, None, memory)
    x_range = _step_range(model.curves)
    if x_range is None:
        _draw_empty(canvas, model, ink)
        return Frame(canvas.chars, canvas.styles, None, memory)
    x = window_limits(model.x_range) if model.x_range else step_limits(*x_range, memory.x)
    top, rows = int(height >= 2), _plot_rows(height)
    most = min(7, (rows + 1) // 2)
    # The gutter's width depends on the y labels, which depend on what is visible in the columns beside
    # the gutter; a second look is needed only when the labels turn out wider than the gutter was.
    gutter = memory.gutter or (_GUTTER if width >= _GUTTER_FROM_WIDTH else 0)
    for _ in range(2):
        columns = max(1, width - gutter)
        edges = np.linspace(x.low, x.high, columns * ink.columns + 1)
        traced = _trace_all(model, edges, memory)
        y = _value_limits(model, traced, memory)
        ticks = axis_ticks(y, most, model.unit) if y else None
        needed = _gutter_for(ticks, width)
        if needed <= gutter:
            break
        gutter = needed
    area = PlotArea(gutter, top, columns, rows, x)
    if y is not None:
        _draw_curves(canvas, traced, y, area, ink, mono=mono)
    else:
        _centre(canvas, area, "no finite values")
    _draw_around(canvas, model, traced, ticks, area, ink)
    bands = frozenset(each.curve.label for each in traced if each.is_band)
    kept_x = memory.x if model.x_range else x
    return Frame(canvas.chars, canvas.styles, area, Memory(kept_x, y or memory.y, gutter, bands))


def _draw_around(
    canvas: Canvas, model: ChartModel, traced: list[Traced], ticks: Ticks | None, area: PlotArea, ink: Ink
) -> None:
    """Everything but the curves."""
    height, width = canvas.chars.shape
    axis = height >= _AXIS_FROM_HEIGHT
    overlays.draw_cursor(canvas, model, area, ink)
    overlays.draw_non_finite(canvas, traced, area, ink)
    overlays.draw_value_axis(canvas, ticks, area, ink)
    if axis:
        overlays.draw_step_axis(canvas, model, area, ink, labels=height >= _LABELS_FROM_HEIGHT)
    overlays.draw_marks(canvas, model, area, ink, axis=axis)
    if area.top:
        near = overlays.marks_near(model, area)
        offset = ticks.offset if ticks and area.left else ""
        canvas.put_line(0, title_line(model, traced, ink, width, offset=offset, marks=near))


def _plot_rows(height: int) -> int:
    rows = height - int(height >= 2) - int(height >= _AXIS_FROM_HEIGHT) - int(height >= _LABELS_FROM_HEIGHT)
    return max(1, rows)


def _step_range(curves: tuple[Curve, ...]) -> tuple[float, float] | None:
    """Lowest and highest x of all curves, points with a non-finite y included."""
    low, high = math.inf, -math.inf
    for curve in curves:
        if curve.x.size:
            x = curve.x if np.isfinite(curve.x[[0, -1]]).all() else curve.x[np.isfinite(curve.x)]
            low, high = min(low, float(x.min(initial=math.inf))), max(high, float(x.max(initial=-math.inf)))
    if not math.isfinite(low) or not math.isfinite(high):
        finite = [curve.x[np.isfinite(curve.x)] for curve in curves]
        values = np.concatenate([*finite, np.empty(0)])
        return (float(values.min()), float(values.max())) if values.size else None
    return low, high


def _trace_all(model: ChartModel, edges: Floats, memory: Memory) -> list[Traced]:
    return [
        trace(
            curve,
            edges,
            log_y=model.log_y,
            smoothing=model.smoothing,
            was_band=curve.label in memory.bands,
        )
        for curve in model.curves
    ]


def _value_limits(model: ChartModel, traced: list[Traced], memory: Memory) -> Limits | None:
    found = value_range(traced)
    if found is None:
        return None
    return log_limits(*found, memory.y) if model.log_y else value_limits(*found, memory.y)


def _gutter_for(ticks: Ticks | None, width: int) -> int:
    if ticks is None or width < _GUTTER_FROM_WIDTH:
        return 0
    longest = max(len(label) for label in ticks.labels)
    return min(max(_GUTTER, longest + 1), _GUTTER_MOST, width // 2)


def _draw_empty(canvas: Canvas, model: ChartModel, ink: Ink) -> None:
    height, width = canvas.chars.shape
    text = one_cell(model.empty_text)
    if height >= 2:
        canvas.put_line(0, title_line(model, [], ink, width, offset="", marks=[]))
    if len(text) <= width:
        row = 0 if height == 1 else (height + 1) // 2
        canvas.put(min(row, height - 1), (width - len(text)) // 2, text, STYLE_INDEX["empty"])


def _centre(canvas: Canvas, area: PlotArea, text: str) -> None:
    if len(text) <= area.width:
        column = area.left + (area.width - len(text)) // 2
        canvas.put(area.top + area.height // 2, column, text, STYLE_INDEX["empty"])


def _draw_curves(
    canvas: Canvas, traced: list[Traced], y: Limits, area: PlotArea, ink: Ink, *, mono: bool
) -> None:
    """Dim layers first, bright ones over them: of several in a cell the last gives the colour, and the
    dots of all are shown."""
    layers = [(each, each.raw, True) for each in traced if each.is_band or each.curve.style == "faint"]
    layers += [
        (each, each.bright if each.bright is not None else each.raw, False)
        for each in traced
        if each.curve.style != "faint"
    ]
    rows, columns = area.height * ink.rows, area.width * ink.columns
    inside = np.s_[area.top : area.top + area.height, area.left : area.left + area.width]
    bits = np.zeros((area.height, area.width), np.uint8)
    styles, chars = canvas.styles[inside], canvas.chars[inside]
    order = {id(each): index for index, each in enumerate(traced)}
    for each, spans, dim in layers:
        cells = pack(fill(spans, y, rows, columns), ink)
        bits |= cells
        covered = cells > 0
        styles[covered] = role_style(each.curve.color, dim=dim)
        if ink.per_curve:
            chars[covered] = ink.per_curve[0] if dim else curve_symbol(ink, order[id(each)])
    if not ink.per_curve:
        drawn = bits > 0
        chars[drawn] = ink.shapes[bits[drawn]]
    if mono and not ink.per_curve and len(traced) > 1:
        overlays.draw_letters(canvas, traced, y, area, ink)
