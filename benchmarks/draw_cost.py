"""What drawing a page of charts costs: twelve charts of two curves of 20,000 noisy points on 200 by 50 cells,
against the floor that any exact picture pays: numpy's min and max of the same points per dot column; the same
page on 80 by 24 cells; and one curve of a million points to which some were added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.measurement import Result, interleaved, median_ratio, table
from guardtui.chart.draw import draw
from guardtui.chart.frame import Memory
from guardtui.chart.model import ChartModel, Curve

CHARTS, POINTS, WIDTH, HEIGHT = 12, 20_000, 66, 12
SMALL = (26, 6)
"""One of twelve charts on 80 by 24 cells."""
LONG = 1_000_000
REPEATS = 15


def column(values: np.ndarray) -> np.ndarray:
    """As the store hands it out: a view that is only read."""
    values.flags.writeable = False
    return values


def models(charts: int = CHARTS, points: int = POINTS) -> list[ChartModel]:
    """Training losses as they look: falling, noisy, a validation loss beside each."""
    noise = np.random.default_rng(0)
    x = column(np.arange(float(points)))
    fall = 0.3 + 2 * np.exp(-x / (points / 5))
    return [
        ChartModel(
            f"loss {number}",
            (
                Curve("train", x, column(fall * np.exp(noise.normal(0, 0.15, points))), "train"),
                Curve("val", x, column(fall * 1.1 + noise.normal(0, 0.02, points)), "val"),
            ),
        )
        for number in range(charts)
    ]


def measure() -> list[Result]:
    """The ratio, and milliseconds of a whole page. Takes about two seconds."""
    page = models()
    starts = np.linspace(0, POINTS, 2 * WIDTH, endpoint=False).astype(np.intp)
    memories = [draw(model, WIDTH, HEIGHT).memory for model in page]
    small_memories = [draw(model, *SMALL).memory for model in page]

    def floor() -> None:
        for model in page:
            for curve in model.curves:
                np.minimum.reduceat(curve.y, starts)
                np.maximum.reduceat(curve.y, starts)

    def page_of_charts(remembered: list[Memory] = memories) -> None:
        for model, memory in zip(page, remembered, strict=True):
            draw(model, WIDTH, HEIGHT, memory=memory)

    def small_page() -> None:
        for model, memory in zip(page, small_memories, strict=True):
            draw(model, *SMALL, memory=memory)

    floor()
    ratio = median_ratio(page_of_charts, floor, repeats=REPEATS)
    work = {"page": page_of_charts, "small": small_page, **long_curves()}
    seconds = interleaved(work, repeats=REPEATS)
    unit = "of numpy's min and max of the same points per column"
    return [
        Result("drawing 12 charts x 2 curves x 20,000 points", ratio, 60.0, unit),
        Result("the same, on 200x50 cells", seconds["page"] * 1e3, 15.0, "ms of processor time"),
        Result("the same, on 80x24 cells", seconds["small"] * 1e3, 15.0, "ms of processor time"),
        Result("ten more of 1,000,000 points", seconds["plain"] * 1e3, 5.0, "ms of processor time"),
        Result("the same, smoothed", seconds["smooth"] * 1e3, 8.0, "ms of processor time"),
        Result("the same, on a log axis", seconds["log"] * 1e3, 8.0, "ms of processor time"),
    ]


def long_curves() -> dict[str, Callable[[], None]]:
    """One chart of a long run, each time with ten points more than the time before."""
    long = models(1, LONG)[0].curves[0]

    def growing(**looks: Any) -> Callable[[], None]:
        state = {"size": LONG - 10_000, "memory": None}

        def redraw() -> None:
            state["size"] += 10
            size = state["size"]
            model = ChartModel("loss", (replace(long, x=long.x[:size], y=long.y[:size]),), **looks)
            state["memory"] = draw(model, WIDTH, HEIGHT, memory=state["memory"]).memory

        redraw()
        return redraw

    return {"plain": growing(), "smooth": growing(smoothing=0.9), "log": growing(log_y=True)}


if __name__ == "__main__":
    print(table(measure()))
