"""The legend of one chart on the whole screen: every curve with all its values. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from guardtui.chart.canvas import Canvas
from guardtui.chart.frame import STYLE_INDEX, Frame, Memory, role_style
from guardtui.chart.ink import BRAILLE, Ink
from guardtui.chart.model import ChartModel, Curve, Floats
from guardtui.chart.reading import nearest_index, value_text
from guardtui.chart.ticks import step_text
from guardtui.chart.titles import curve_signs, one_cell

_LEAST_LABEL, _MOST_LABEL = 6, 40
_GAP: Final = 2


def legend_columns(model: ChartModel) -> list[tuple[str, list[str]]]:
    """Heading and texts of each column after the curves' names, the most needed first."""
    at = model.readout
    columns = [("last", [_value(curve, len(curve.y) - 1, model) for curve in model.curves])]
    if at is not None and np.isfinite(at):
        found = [_value(curve, nearest_index(curve.x, at), model) for curve in model.curves]
        columns.insert(0, ("at cursor", found))
    for heading, sign in (("min", 1.0), ("max", -1.0)):
        places = [_lowest(sign * curve.y) for curve in model.curves]
        values = [_value(curve, place, model) for curve, place in zip(model.curves, places, strict=True)]
        wheres = [_where(curve, place, model) for curve, place in zip(model.curves, places, strict=True)]
        columns += [(heading, values), (f"at {one_cell(model.x_label)}", wheres)]
    columns.append(("points", [f"{len(curve.y):,}" for curve in model.curves]))
    return columns


def _lowest(y: Floats) -> int | None:
    """Where the lowest finite value is."""
    finite = np.isfinite(y)
    return int(np.argmin(np.where(finite, y, np.inf))) if finite.any() else None


def _value(curve: Curve, place: int | None, model: ChartModel) -> str:
    return "-" if place is None or place < 0 else value_text(curve, place, model.unit)


def _where(curve: Curve, place: int | None, model: ChartModel) -> str:
    return "" if place is None else step_text(float(curve.x[place]), model.x_unit)


def draw_legend(
    model: ChartModel, width: int, height: int, *, ink: Ink = BRAILLE, mono: bool = False
) -> Frame:
    """A table of the curves; columns that do not fit are left out, rows that do not are counted."""
    canvas = Canvas(max(width, 0), max(height, 0))
    if width > 0 and height > 0 and model.curves:
        rows = len(model.curves) if len(model.curves) < height else max(0, height - 2)
        columns = legend_columns(model)
        longest = max(len(one_cell(curve.label)) for curve in model.curves) + 2
        label = min(max(longest, _LEAST_LABEL), _MOST_LABEL, width)
        _draw_names(canvas, model, rows, label, ink, mono=mono)
        left = label
        for heading, texts in columns:
            size = max(len(heading), *(len(text) for text in texts))
            if left + _GAP + size > width:
                break
            left += _GAP + size
            canvas.put(0, left - len(heading), heading, STYLE_INDEX["label"])
            for row, text in enumerate(texts[:rows]):
                canvas.put(row + 1, left - len(text), text, STYLE_INDEX["text"])
    if ink.per_curve:
        canvas.chars[canvas.chars == "±"] = "~"
        canvas.chars[canvas.chars > "~"] = "?"
    return Frame(canvas.chars, canvas.styles, canvas.grounds, None, Memory())


def _draw_names(canvas: Canvas, model: ChartModel, rows: int, width: int, ink: Ink, *, mono: bool) -> None:
    signs = curve_signs(model.curves, ink, mono=mono)
    for row, (curve, sign) in enumerate(zip(model.curves[:rows], signs, strict=False)):
        name = one_cell(curve.label)
        cut = name if len(name) <= width - 2 else name[: max(0, width - 3)] + ink.lines["ellipsis"]
        canvas.put(row + 1, 0, f"{sign} {cut}", role_style(curve.color))
    hidden = len(model.curves) - rows
    if hidden:
        canvas.put(canvas.chars.shape[0] - 1, 0, f"  +{hidden} more", STYLE_INDEX["label"])
