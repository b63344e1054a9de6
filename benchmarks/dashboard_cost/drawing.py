"""Redrawing a page of charts after one more point, in this process: pure computing."""

from __future__ import annotations

import statistics
import time
from typing import Final

import numpy as np

from benchmarks.dashboard_cost.table import Row
from benchmarks.draw_cost import models
from guardtui.chart.draw import draw
from guardtui.chart.model import ChartModel, Curve

CHARTS, POINTS, REPEATS = 12, 20_000, 21
_SIZES: Final = {"80x24": (26, 5), "200x50": (66, 11)}
"""Terminal -> cells of one of twelve charts, three in a row."""


def measure() -> list[Row]:
    """Median processor time of a page."""
    rows = []
    for terminal, (width, height) in _SIZES.items():
        grown = models(CHARTS, POINTS + REPEATS)
        memories = [draw(_cut(model, POINTS), width, height).memory for model in grown]
        taken = []
        for more in range(1, REPEATS + 1):
            page = [_cut(model, POINTS + more) for model in grown]
            begun = time.process_time()
            memories = [
                draw(model, width, height, memory=memory).memory
                for model, memory in zip(page, memories, strict=True)
            ]
            taken.append(time.process_time() - begun)
        cold = _cold(grown, width, height)
        what = f"redraw {CHARTS} charts × 2 × {POINTS:,} points, {terminal}"
        rows.append(Row(what, 1e3 * statistics.median(taken), 15, "ms", f"from nothing {1e3 * cold:.1f} ms"))
    return rows


def _cold(page: list[ChartModel], width: int, height: int) -> float:
    taken = []
    for _ in range(5):
        begun = time.process_time()
        for model in page:
            draw(model, width, height)
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def _cut(model: ChartModel, points: int) -> ChartModel:
    curves = tuple(
        Curve(curve.label, _view(curve.x, points), _view(curve.y, points), curve.color)
        for curve in model.curves
    )
    return ChartModel(model.title, curves)


def _view(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], points: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """As the store hands them out: read-only, of one growing column."""
    view = values[:points]
    view.flags.writeable = False
    return view
