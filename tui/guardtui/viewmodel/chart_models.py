"""Chart models from series: the x axis, the marks and the title of each chosen chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from guardrun.series.store import Series
from guardrun.state.model import RunState, Status
from guardtui.chart.model import ChartModel, Curve, Mark
from guardtui.text import clean
from guardtui.viewmodel.chart_choice import Choice

Axis = Literal["step", "epoch", "time"]
AXES: Final[tuple[Axis, ...]] = ("step", "epoch", "time")
SMOOTHING: Final = 0.9
_MOST_MARKS: Final = 12

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """What keys set for all charts of a board."""

    axis: Axis = "step"
    log_y: bool = False
    smooth: bool = False
    weight: float = SMOOTHING
    """Of the smoothing, in (0, 1)."""
    clip: bool = False
    """Extreme outliers may lie outside the y axis; what is left out is counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Where a step lies on another axis, from the series with the most points."""

    step: Floats
    t: Floats
    start: float
    steps_per_epoch: float | None

    @staticmethod
    def of(series: Mapping[str, Series], state: RunState) -> Timeline:
        """The timeline of a run; ``start`` is its first point."""
        timed = [each for each in series.values() if len(each)]
        longest = max(timed, key=len, default=None)
        start = min((float(each.t[0]) for each in timed), default=0.0)
        per_epoch = float(state.steps_per_epoch) if state.steps_per_epoch else None
        if longest is None:
            return Timeline(np.empty(0), np.empty(0), start, per_epoch)
        return Timeline(longest.step, longest.t, start, per_epoch)

    def place(self, step: float, axis: Axis) -> float | None:
        """x of a step: the last time it was taken; None when that is not known."""
        if axis == "step":
            return step
        if axis == "epoch":
            return step / self.steps_per_epoch if self.steps_per_epoch else None
        found = np.flatnonzero(self.step <= step)
        return float(self.t[found[-1]] - self.start) if len(found) else None


def chart_model(
    choice: Choice, series: Mapping[str, Series], state: RunState, timeline: Timeline, options: ChartOptions
) -> ChartModel:
    """One chart, ready to be drawn."""
    axis = _possible(options.axis, choice, series, timeline)
    curves = tuple(
        Curve(clean(line.label), _x(series[line.name], axis, timeline), series[line.name].value, line.color)
        for line in choice.lines
        if line.name in series
    )
    return ChartModel(
        title=clean(choice.title),
        curves=curves,
        marks=_marks(choice, state, timeline, axis),
        x_label=axis,
        unit=choice.unit,
        log_y=options.log_y and choice.kind != "system",
        smoothing=options.weight if options.smooth and choice.kind != "system" else 0.0,
        x_unit="s" if axis == "time" else "",
    )


def _possible(axis: Axis, choice: Choice, series: Mapping[str, Series], timeline: Timeline) -> Axis:
    """The wished axis, or one that these series have."""
    shown = [series[line.name] for line in choice.lines if line.name in series and len(series[line.name])]
    if axis == "step" and any(np.isnan(each.step).any() for each in shown):
        return "time"
    if (
        axis == "epoch"
        and timeline.steps_per_epoch is None
        and any(np.isnan(each.epoch).any() for each in shown)
    ):
        return "step"
    return axis


def _x(series: Series, axis: Axis, timeline: Timeline) -> Floats:
    if axis == "step":
        return series.step
    if axis == "time":
        return series.t - timeline.start
    return series.step / timeline.steps_per_epoch if timeline.steps_per_epoch else series.epoch


def _marks(choice: Choice, state: RunState, timeline: Timeline, axis: Axis) -> tuple[Mark, ...]:
    wanted: list[tuple[float, Any, str]] = [
        *((each.from_step, "resume", f"resumed (attempt {each.number})") for each in state.attempts[1:]),
        *((each.first_step, "signal", clean(each.id)) for each in state.signals),
    ]
    if choice.kind == "metric":
        for kind, ref in (("last", state.last), ("best", state.best)):
            if ref is not None:
                wanted.append((ref.step, kind, f"{kind} checkpoint"))
    if state.status in (Status.STOPPED, Status.ABORTED):
        wanted.append((state.step, "stop", state.status.value))
    marks = []
    for step, kind, text in wanted[-_MOST_MARKS:]:
        x = timeline.place(float(step), axis)
        if x is not None:
            marks.append(Mark(x, kind, text))
    return tuple(marks)
