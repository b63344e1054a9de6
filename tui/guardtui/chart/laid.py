"""The curves of one drawing, kept for the next: a cursor that moves, or a new mark, changes none of them."""

from __future__ import annotations

from dataclasses import dataclass

from guardtui.chart.canvas import Canvas
from guardtui.chart.frame import PlotArea
from guardtui.chart.model import ChartModel, Curve
from guardtui.chart.raster import Traced
from guardtui.chart.scale import Limits
from guardtui.chart.ticks import Ticks


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """Curves in their place, without anything around them."""

    curves: tuple[Curve, ...]
    asked: tuple[object, ...]
    """All else that the place and the look of the curves depend on."""
    x: Limits
    area: PlotArea
    traced: list[Traced]
    y: Limits | None
    ticks: Ticks | None
    canvas: Canvas

    def serves(self, model: ChartModel, asked: tuple[object, ...]) -> bool:
        """Whether it is the drawing of these very curves. Those that may be written to are drawn anew."""
        return (
            self.curves is model.curves
            and self.asked == asked
            and not any(curve.x.flags.writeable or curve.y.flags.writeable for curve in self.curves)
        )


def asked_of(model: ChartModel, width: int, height: int, ink_name: str, *, mono: bool) -> tuple[object, ...]:
    """What the curves' place and look depend on, beside themselves."""
    return (
        model.x_range, model.unit, model.log_y, model.smoothing, model.clip, width, height, ink_name, mono,
    )  # fmt: skip
