"""What drawing a page of charts costs: twelve charts of two curves of 20,000 noisy points on 200 by 50 cells,
against the floor that any exact picture pays: numpy's min and max of the same points per dot column."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Result, interleaved, median_ratio, table
from guardtui.chart.draw import draw
from guardtui.chart.frame import Memory
from guardtui.chart.model import ChartModel, Curve

CHARTS, POINTS, WIDTH, HEIGHT = 12, 20_000, 66, 12
REPEATS = 15


def models(charts: int = CHARTS, points: int = POINTS) -> list[ChartModel]:
    """Training losses as they look: falling, noisy, a validation loss beside each."""
    noise = np.random.default_rng(0)
    x = np.arange(float(points))
    fall = 0.3 + 2 * np.exp(-x / (points / 5))
    return [
        ChartModel(
            f"loss {number}",
            (
                Curve("train", x, fall * np.exp(noise.normal(0, 0.15, points)), "train"),
                Curve("val", x, fall * 1.1 + noise.normal(0, 0.02, points), "val"),
            ),
        )
        for number in range(charts)
    ]


def measure() -> list[Result]:
    """The ratio, and milliseconds of a whole page. Takes about two seconds."""
    page = models()
    starts = np.linspace(0, POINTS, 2 * WIDTH, endpoint=False).astype(np.intp)
    memories = [draw(model, WIDTH, HEIGHT).memory for model in page]

    def floor() -> None:
        for model in page:
            for curve in model.curves:
                np.minimum.reduceat(curve.y, starts)
                np.maximum.reduceat(curve.y, starts)

    def page_of_charts(remembered: list[Memory] = memories) -> None:
        for model, memory in zip(page, remembered, strict=True):
            draw(model, WIDTH, HEIGHT, memory=memory)

    floor()
    ratio = median_ratio(page_of_charts, floor, repeats=REPEATS)
    seconds = interleaved({"page": page_of_charts}, repeats=REPEATS)["page"]
    unit = "of numpy's min and max of the same points per column"
    return [
        Result("drawing 12 charts x 2 curves x 20,000 points", ratio, 60.0, unit),
        Result("the same", seconds * 1e3, 40.0, "ms of processor time"),
    ]


if __name__ == "__main__":
    print(table(measure()))
