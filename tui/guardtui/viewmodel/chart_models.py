"""Chart models from series: the x axis, the marks and the title of each chosen chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np

from guardrun.series.store import Series
from guardrun.state.model import RunState, Status
from guardtui.chart.model import ChartModel, Curve, Mark, MarkKind
from guardtui.chart.ticks import short
from guardtui.text import clean
from guardtui.viewmodel.chart_choice import Choice
from guardtui.viewmodel.chart_choice import Line as Chosen
from guardtui.viewmodel.timeline import AXES, Axis, Timeline

__all__ = ["AXES", "SMOOTHING", "Axis", "ChartOptions", "Timeline", "chart_model"]

SMOOTHING: Final = 0.9
_MOST_MARKS: Final = 12
"""Of one kind, the newest."""
_SEVERITY: Final[dict[str, MarkKind]] = {"act": "signal", "warn": "warning", "info": "notice"}


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


def chart_model(
    choice: Choice, series: Mapping[str, Series], state: RunState, timeline: Timeline, options: ChartOptions
) -> ChartModel:
    """One chart, ready to be drawn."""
    axis = _possible(options.axis, choice, series, timeline)
    of_training = choice.kind != "system"
    curves = tuple(
        run_curve(line, series[line.name], timeline, axis, resumes=of_training)
        for line in choice.lines
        if line.name in series
    )
    return ChartModel(
        title=clean(choice.title),
        curves=curves,
        marks=_marks(choice, state, timeline, axis),
        x_label=axis,
        unit=choice.unit,
        log_y=options.log_y and of_training,
        smoothing=options.weight if options.smooth and of_training else 0.0,
        clip=options.clip,
        x_unit="s" if axis == "time" else "",
    )


def run_curve(line: Chosen, series: Series, timeline: Timeline, axis: Axis, *, resumes: bool) -> Curve:
    """A series as a curve; after a resume its attempts are polylines of their own, and what was done again
    is its past."""
    whole = Curve(clean(line.label), timeline.x(series, axis), series.value, line.color)
    if not resumes or not len(series) or series.attempt[0] == series.attempt[-1]:
        return whole
    parted = timeline.parted(series)
    kept = _joined(whole, parted.kept, timeline)
    return replace(kept, past=_joined(whole, parted.again, timeline)) if parted.again else kept


def _joined(whole: Curve, parts: tuple[slice, ...], timeline: Timeline) -> Curve:
    """Stretches of a curve, with a break between any two of them."""
    x, y = timeline.joined(whole.x, parts), timeline.joined(whole.y, parts)
    breaks = np.cumsum([part.stop - part.start for part in parts])[:-1].tolist()
    return replace(whole, x=x, y=y, breaks=tuple(breaks))


def _possible(axis: Axis, choice: Choice, series: Mapping[str, Series], timeline: Timeline) -> Axis:
    """The wished axis, or one that these series have."""
    shown = [series[line.name] for line in choice.lines if line.name in series and len(series[line.name])]
    if axis == "time":
        return axis
    if any(np.isnan(each.step).any() for each in shown):
        return "time"
    if axis == "tokens" and not timeline.has("tokens"):
        return "step"
    if axis == "epoch" and not timeline.steps_per_epoch and any(np.isnan(each.epoch).any() for each in shown):
        return "step"
    return axis


def _marks(choice: Choice, state: RunState, timeline: Timeline, axis: Axis) -> tuple[Mark, ...]:
    attempts, signals = state.attempts[1:][-_MOST_MARKS:], state.signals[-_MOST_MARKS:]
    wanted: list[tuple[float, str, str]] = [
        *((each.from_step, "resume", f"resumed (attempt {each.number})") for each in attempts),
        *((each.first_step, _SEVERITY.get(each.severity, "notice"), clean(each.id))
          for each in signals),
    ]  # fmt: skip
    if choice.kind != "system":
        rates = [
            (each.step, f"lr {short(each.before)} to {short(each.after)}") for each in timeline.lr_changes
        ]
        wanted += [(step, "lr", text) for step, text in rates]
    if choice.kind == "metric":
        for kind, ref in (("last", state.last), ("best", state.best)):
            if ref is not None:
                wanted.append((ref.step, kind, f"{kind} checkpoint"))
    if state.status in (Status.STOPPED, Status.ABORTED):
        wanted.append((state.step, "stop", state.status.value))
    marks = []
    for step, kind, text in wanted:
        x = timeline.place(float(step), axis)
        if x is not None:
            marks.append(Mark(x, cast(MarkKind, kind), text))
    return tuple(marks)
