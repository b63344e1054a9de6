"""Models as the view wants them: with the window and the cursor; and what is near the cursor. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from guardrun.series.downsample import usable_x
from guardtui.chart.model import ChartModel
from guardtui.viewmodel.timeline import Axis
from guardtui.viewmodel.x_window import Span, Window

_MOST_MARKS = 3


def dressed(model: ChartModel, axis: Axis, window: Window | None, at: float | None) -> ChartModel:
    """The model with window and cursor, if its x axis is the one that they are about."""
    if model.x_label != axis or (window is None and at is None):
        return model
    return replace(model, x_range=None if window is None else (window.low, window.high), readout=at)


def extent_of(models: Iterable[ChartModel], axis: Axis) -> Span | None:
    """From the first to the last point of all models on this axis; None without any."""
    low, high = np.inf, -np.inf
    for model in models:
        for curve in model.curves if model.x_label == axis else ():
            usable = usable_x(curve.x)
            x = curve.x if usable.all() else curve.x[usable]
            if x.size:
                low, high = min(low, float(x.min())), max(high, float(x.max()))
    return Span(low, high) if low <= high else None


def marks_beside(models: Sequence[ChartModel], axis: Axis, at: float, reach: float) -> list[str]:
    """What happened within ``reach`` of the cursor on any of the charts, the nearest first."""
    near: dict[str, float] = {}
    for model in models:
        for mark in model.marks if model.x_label == axis else ():
            distance = abs(mark.x - at)
            if distance <= reach:
                near[mark.text or mark.kind] = min(distance, near.get(mark.text or mark.kind, np.inf))
    return sorted(near, key=lambda text: near[text])[:_MOST_MARKS]
