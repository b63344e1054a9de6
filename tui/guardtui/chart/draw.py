"""A chart model as a frame of characters. Pure: the same model, size and memory give the same frame.

From the outside in: the layout (title row, gutter of y labels, axis rows) gives the plot area; x limits
give the dot columns; the curves are reduced to spans of dot columns; their extremes give the y limits;
spans and limits give dots; dots become characters, with marks and labels around them.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from guardrun.series.downsample import Spans, usable_x
from guardtui.chart import overlays
from guardtui.chart.canvas import Canvas
from guardtui.chart.clipping import outside
from guardtui.chart.frame import STYLE_INDEX, Frame, Memory, PlotArea, role_style
from guardtui.chart.ink import BRAILLE, Ink, pack
from guardtui.chart.known import learn
from guardtui.chart.laid import Laid, asked_of
from guardtui.chart.model import ChartModel, Curve, Floats
from guardtui.chart.raster import Traced, View, fill, trace, value_range
from guardtui.chart.scale import Limits, log_limits, spread_evenly, step_limits, value_limits, window_limits
from guardtui.chart.ticks import Ticks, axis_ticks
from guardtui.chart.titles import curve_symbol, one_cell, title_line

_DOTS_IN = np.array([bin(bits).count("1") for bits in range(256)])
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
        return Frame(canvas.chars, canvas.styles, canvas.grounds, None, memory)
    memory = _with_facts(model, memory)
    x_range = _step_range(model.curves, memory)
    if x_range is None:
        _draw_empty(canvas, model, ink, mono=mono)
        if ink.per_curve:
            _to_ascii(canvas)
        return Frame(canvas.chars, canvas.styles, canvas.grounds, None, memory)
    asked = asked_of(model, width, height, ink.name, mono=mono)
    laid = memory.laid
    if laid is None or not laid.serves(model, asked):
        x = window_limits(model.x_range) if model.x_range else step_limits(*x_range, memory.x)
        laid = _lay(model, x, canvas, asked, memory, ink, mono=mono)
    canvas, area, traced, y = laid.canvas.copy(), laid.area, laid.traced, laid.y
    clipped = sum(outside(each.seen, y.low, y.high) for each in traced if each.seen is not None and y)
    _draw_around(canvas, model, traced, y, laid.ticks, area, ink, clipped=clipped, mono=mono)
    if ink.per_curve:
        _to_ascii(canvas)
    bands = frozenset(each.curve.label for each in traced if each.is_band)
    kept_x = memory.x if model.x_range else laid.x
    kept = Memory(kept_x, y or memory.y, area.left, bands, memory.known, laid)
    return Frame(canvas.chars, canvas.styles, canvas.grounds, area, kept, clipped)


def _lay(
    model: ChartModel, x: Limits, canvas: Canvas, asked: tuple[object, ...], memory: Memory, ink: Ink, *,
    mono: bool,
) -> Laid:  # fmt: skip
    """The curves on an empty canvas."""
    height, width = canvas.chars.shape
    area, traced, y, ticks = _laid_out(model, x, width, height, memory, ink)
    if y is not None:
        _draw_curves(canvas, traced, y, area, ink, mono=mono)
    else:
        _centre(canvas, area, "no finite values")
    return Laid(model.curves, asked, x, area, traced, y, ticks, canvas)


def _laid_out(
    model: ChartModel, x: Limits, width: int, height: int, memory: Memory, ink: Ink
) -> tuple[PlotArea, list[Traced], Limits | None, Ticks | None]:
    """The plot area, with the curves in its columns and the y axis that holds them.

    The gutter's width depends on the y labels, which depend on what is visible in the columns beside the
    gutter; a second look is needed only when the labels turn out wider than the gutter was.
    """
    top, rows = int(height >= 2), _plot_rows(height)
    gutter = min(memory.gutter or _GUTTER, width // 2) if width >= _GUTTER_FROM_WIDTH else 0
    for _ in range(2):
        area = PlotArea(gutter, top, max(1, width - gutter), rows, x)
        traced = _trace_all(model, spread_evenly(x, area.width * ink.columns), memory)
        y = _value_limits(model, traced, memory)
        ticks = axis_ticks(y, min(7, (2 * rows + 2) // 3), model.unit) if y else None
        needed = _gutter_for(ticks, width)
        if needed <= gutter:
            break
        gutter = needed
    return area, traced, y, ticks


def _draw_around(
    canvas: Canvas,
    model: ChartModel,
    traced: list[Traced],
    y: Limits | None,
    ticks: Ticks | None,
    area: PlotArea,
    ink: Ink,
    *,
    clipped: int,
    mono: bool,
) -> None:
    """Everything but the curves."""
    height, width = canvas.chars.shape
    axis = height >= _AXIS_FROM_HEIGHT
    overlays.draw_cursor(canvas, model, area, ink)
    if clipped and y is not None:
        overlays.draw_clipped(canvas, traced, y, area, ink)
    overlays.draw_non_finite(canvas, traced, area, ink)
    overlays.draw_value_axis(canvas, ticks, area, ink)
    if axis:
        overlays.draw_step_axis(canvas, model, area, ink, labels=height >= _LABELS_FROM_HEIGHT)
    overlays.draw_marks(canvas, model, area, ink, axis=axis)
    if area.top:
        near = overlays.marks_near(model, area)
        offset = ticks.offset if ticks and area.left else ""
        canvas.put_line(
            0, title_line(model, traced, ink, width, offset=offset, marks=near, clipped=clipped, mono=mono)
        )


def _to_ascii(canvas: Canvas) -> None:
    """Labels too: µs become us, and what a run's own words hold beyond ASCII question marks."""
    for sign, plain in (("µ", "u"), ("±", "~")):
        canvas.chars[canvas.chars == sign] = plain
    canvas.chars[canvas.chars > "~"] = "?"


def _plot_rows(height: int) -> int:
    rows = height - int(height >= 2) - int(height >= _AXIS_FROM_HEIGHT) - int(height >= _LABELS_FROM_HEIGHT)
    return max(1, rows)


def _with_facts(model: ChartModel, memory: Memory) -> Memory:
    """The memory with what is known of the curves as they are now."""
    names = [f"{index} {curve.label}" for index, curve in enumerate(model.curves)]
    pairs = zip(names, model.curves, strict=True)
    return replace(memory, known={name: learn(curve, memory.known.get(name)) for name, curve in pairs})


def _step_range(curves: tuple[Curve, ...], memory: Memory) -> tuple[float, float] | None:
    """Lowest and highest x of all curves, points with a non-finite y included."""
    low, high = math.inf, -math.inf
    known = [each.plain for each in memory.known.values()]
    past = [(curve.past, False) for curve in curves if curve.past is not None]
    for curve, plain in [*zip(curves, known, strict=True), *past]:
        if plain and curve.x.size:
            low, high = min(low, float(curve.x[0])), max(high, float(curve.x[-1]))
            continue
        usable = usable_x(curve.x)
        x = curve.x if usable.all() else curve.x[usable]
        if x.size:
            low, high = min(low, float(x.min())), max(high, float(x.max()))
    return (low, high) if low <= high else None


def _trace_all(model: ChartModel, edges: Floats, memory: Memory) -> list[Traced]:
    view = View(edges, model.log_y, model.smoothing, model.clip)
    pairs = zip(model.curves, memory.known.values(), strict=True)
    return [trace(curve, view, known, was_band=curve.label in memory.bands) for curve, known in pairs]


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


def _draw_empty(canvas: Canvas, model: ChartModel, ink: Ink, *, mono: bool) -> None:
    height, width = canvas.chars.shape
    text = one_cell(model.empty_text)
    if height >= 2:
        canvas.put_line(0, title_line(model, [], ink, width, offset="", marks=[], clipped=0, mono=mono))
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
    """Envelopes first, then faint curves, then bright ones: of several in a cell the last gives the colour
    and the dots of all are shown. Only envelopes give way: under a line they are a shade of the ground."""
    inside = np.s_[area.top : area.top + area.height, area.left : area.left + area.width]
    chars, styles, grounds = canvas.chars[inside], canvas.styles[inside], canvas.grounds[inside]
    envelopes = np.zeros((area.height, area.width), np.uint8)
    lines = np.zeros_like(envelopes)
    full = ink.columns * ink.rows
    for index, spans, dim in _layers(traced):
        each = traced[index]
        cells = pack(fill(spans, y, area.height * ink.rows, area.width * ink.columns), ink)
        covered = cells > 0
        styles[covered] = role_style(each.curve.color, dim=dim)
        if ink.per_curve:
            chars[covered] = ink.per_curve[0] if dim else curve_symbol(ink, index, each.curve.color)
        if spans is each.raw and each.is_band:
            envelopes |= cells
            grounds[_DOTS_IN[cells] * 2 >= full] = role_style(each.curve.color, dim=True)
        else:
            lines |= cells
    on_line = lines > 0
    grounds[~on_line] = 0
    if not ink.per_curve:
        bits = np.where(on_line, lines, envelopes)
        chars[bits > 0] = ink.shapes[bits[bits > 0]]
        if mono and len(traced) > 1:
            overlays.draw_letters(canvas, traced, y, area, ink)


def _layers(traced: list[Traced]) -> list[tuple[int, Spans, bool]]:
    """What to draw, from the back to the front: the curve's index, its spans, and whether they are dim."""
    envelopes = [(index, each.raw, True) for index, each in enumerate(traced) if each.is_band]
    past = [(index, each.past, True) for index, each in enumerate(traced) if each.past.column.size]
    faint = [(index, each.raw, True) for index, each in enumerate(traced) if each.curve.style == "faint"]
    bright = [
        (index, each.raw if each.bright is None else each.bright, False)
        for index, each in enumerate(traced)
        if each.curve.style != "faint"
    ]
    return envelopes + past + faint + bright
