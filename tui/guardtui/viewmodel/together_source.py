"""The charts of several runs: one for each metric, with the curves of all of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from guardtui.chart.model import ChartModel, Curve, Mark
from guardtui.snapshot import Curves, RunView
from guardtui.text import clean
from guardtui.viewmodel.chart_choice import Choice, choose_charts
from guardtui.viewmodel.chart_choice import Line as Chosen
from guardtui.viewmodel.chart_groups import group_curve, thinned
from guardtui.viewmodel.chart_models import ChartOptions, run_curve
from guardtui.viewmodel.chart_source import AXIS_UNITS, RunSource, place_words
from guardtui.viewmodel.timeline import AXES, Axis
from guardtui.viewmodel.together import Band, Row

_DIM = "system"
"""The colour of runs beyond those that have one of their own."""
_MOST_KEPT = 600
"""Curves that were made, of all charts that were looked at."""


class Drawn:
    """What was made of the runs, kept from one snapshot to the next for as long as it is true."""

    def __init__(self) -> None:
        self._sources: dict[Path, RunSource] = {}
        self._curves: dict[object, tuple[object, Plotted | None]] = {}

    def source(self, view: RunView, curves: Curves) -> RunSource:
        """One run; the same object, with all that it has converted, while its version is the same."""
        new, old = RunSource(view.state, curves), self._sources.get(view.path)
        if old is not None and old.version == new.version:
            return old
        self._sources[view.path] = new
        return new

    def known(self, key: object, stamp: object) -> tuple[bool, Plotted | None]:
        """Whether it was made, and what."""
        kept = self._curves.get(key)
        return (True, kept[1]) if kept is not None and kept[0] == stamp else (False, None)

    def keep(self, key: object, stamp: object, made: Plotted | None) -> None:
        """Remember it."""
        if len(self._curves) >= _MOST_KEPT:
            self._curves.clear()
        self._curves[key] = (stamp, made)


@dataclass(frozen=True, slots=True, eq=False)
class Plotted:
    """One curve, and where it stops to be finite."""

    curve: Curve
    marks: tuple[Mark, ...] = ()


class TogetherSource:
    """What a board needs to know of several runs."""

    def __init__(
        self,
        rows: Sequence[Row],
        curves: Mapping[Path, Curves],
        *,
        band: Band,
        names: Mapping[Path, str],
        drawn: Drawn,
        reference: Path | None = None,
    ) -> None:
        """``names``: what each run is called; ``reference``: the run that tells where a step is on other
        axes."""
        self.rows = tuple(rows)
        self.band = band
        self._names = names
        self._drawn = drawn
        self._views = [view for row in rows if row.kind != "member" for view in row.views]
        self._sources = {
            view.path: drawn.source(view, curves[view.path]) for view in self._views if view.path in curves
        }
        self._reference = reference

    @cached_property
    def version(self) -> object:
        """The rows as they are drawn, and the versions of their runs."""
        shown = tuple((row.key, row.color, tuple(view.path for view in row.on)) for row in self.rows)
        return (self.band, shown, tuple(source.version for source in self._sources.values()))

    @property
    def live(self) -> bool:
        """Until all are over."""
        return any(view.state.status.live for view in self._views)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """Those that any of the runs has; last the one in which they lie together at their ends."""
        found = {axis for source in self._sources.values() for axis in source.axes}
        ends: tuple[Axis, ...] = ("to end",) if any(map(_has_end, self._sources.values())) else ()
        return (*(axis for axis in AXES if axis in found or axis in ("step", "time")), *ends)

    @cached_property
    def monitor(self) -> tuple[str, str] | None:
        """Name and mode of the metric by which most of the runs are judged."""
        told = [view.state.monitor for view in self._views if view.state.monitor is not None]
        counted = Counter((monitor.name, monitor.mode) for monitor in told)
        return max(counted, key=lambda each: counted[each]) if counted else None

    def choices(self) -> Sequence[Choice]:
        """One chart a metric, the monitored one first."""
        names = dict.fromkeys(name for source in self._sources.values() for name in source.series)
        return _choices(tuple(names), self.monitor[0] if self.monitor else None)

    def model(self, choice: Choice, options: ChartOptions) -> ChartModel:
        """One metric of all runs that are switched on."""
        return self._model(choice, options, [self._shown(row, choice, options.axis) for row in self.rows])

    def named_model(self, choice: Choice, options: ChartOptions) -> ChartModel:
        """The same, each curve with the name of its run: a file has no legend beside it."""
        shown = []
        for row in self.rows:
            each = self._shown(row, choice, options.axis)
            if each is not None:
                names = " + ".join(self._names[view.path] for view in row.on)
                label = " ".join(part for part in (each.curve.label, names) if part)
                each = replace(each, curve=replace(each.curve, label=label))
            shown.append(each)
        return self._model(choice, options, shown)

    def _model(self, choice: Choice, options: ChartOptions, shown: Sequence[Plotted | None]) -> ChartModel:
        axis = self.axis_of(choice, options.axis)
        made = [each for each in shown if each is not None]
        made.sort(key=lambda each: each.curve.style != "faint")  # their own order otherwise
        of_training = choice.kind != "system"
        return ChartModel(
            title=clean(choice.title),
            curves=tuple(each.curve for each in made),
            marks=tuple(mark for each in made for mark in each.marks),
            x_label=axis,
            unit=choice.unit,
            log_y=options.log_y and of_training,
            smoothing=options.weight if options.smooth and of_training else 0.0,
            clip=options.clip,
            x_unit=AXIS_UNITS.get(axis, ""),
            empty_text="no run is switched on" if not any(row.on for row in self.rows) else "no data yet",
        )

    def axis_of(self, choice: Choice, wished: Axis) -> Axis:
        """The wished axis if any run has the metric there, else one that has it."""
        name = choice.lines[0].name
        for axis in dict.fromkeys((wished, "step", "time")):
            for source in self._sources.values():
                if name in source.series and _is_placed(source, name, axis):
                    return axis
        return wished

    def _shown(self, row: Row, choice: Choice, wished: Axis) -> Plotted | None:
        axis = self.axis_of(choice, wished)
        if not row.on or (row.kind == "member" and self.band != "both"):
            return None
        made = self.plotted(row, choice, axis)
        if made is None or (row.color and row.kind != "member"):
            return made
        return replace(made, curve=replace(made.curve, style="faint", spread=None, label=""), marks=())

    def plotted(self, row: Row, choice: Choice, axis: Axis) -> Plotted | None:
        """The curve of a run, or the mean of a group's runs that are on (of all, when none is)."""
        name = choice.lines[0].name
        views = row.on or row.views
        found = [(view, self._sources[view.path]) for view in views if view.path in self._sources]
        found = [(view, source) for view, source in found if name in source.series]
        if not found:
            return None
        key = (row.kind, row.key, name, axis)
        stamp = (row.color, row.letter, tuple((view.path, source.version) for view, source in found))
        there, made = self._drawn.known(key, stamp)
        if not there:
            made = self._make(row, choice, axis, found)
            self._drawn.keep(key, stamp, made)
        return made

    def _make(
        self, row: Row, choice: Choice, axis: Axis, found: Sequence[tuple[RunView, RunSource]]
    ) -> Plotted | None:
        color = row.color or _DIM
        curves = []
        for view, source in found:
            line = replace(
                choice.lines[0], label=self._names[view.path] if row.kind == "group" else row.letter
            )
            line = replace(line, color=color)
            curve = run_curve(
                line, source.series[line.name], source.timeline, axis, resumes=choice.kind != "system"
            )
            if curve.x.size:
                curves.append(curve)
        if not curves:
            return None
        if row.kind == "group":
            return Plotted(*group_curve(row.letter, thinned(curves), color))
        bad = np.flatnonzero(~np.isfinite(curves[0].y))
        told = f"{self._names[row.views[0].path]} not finite"
        marks = (Mark(float(curves[0].x[bad[0]]), "nonfinite", told),) if bad.size else ()
        return Plotted(curves[0], marks)

    def _referee(self) -> RunSource | None:
        """The run by which places are converted: the chosen one, else the first that has curves."""
        if self._reference in self._sources:
            return self._sources[self._reference]
        return next(iter(self._sources.values()), None)

    def convert(self, x: float, before: Axis, after: Axis) -> float | None:
        """By the chosen run: others were elsewhere then."""
        referee = self._referee()
        return None if referee is None else referee.convert(x, before, after)

    def words_at(self, x: float, axis: Axis) -> tuple[str, ...]:
        """The place on this axis; on the others the runs are at different places, but for epochs of equal
        length."""
        words = [place_words(axis, x)]
        other: Axis | None = {"step": "epoch", "epoch": "step"}.get(axis)  # type: ignore[assignment]
        lengths = {source.state.steps_per_epoch for source in self._sources.values()}
        if other in self.axes and len(lengths) == 1 and None not in lengths:
            place = self.convert(x, axis, other)
            words += [place_words(other, place)] if place is not None else []
        return tuple(words)

    def name(self) -> str:
        """The first run's name, and how many others there are."""
        first = next((view.state.name for view in self._views), "")
        others = len(self._views) - 1
        return f"{first} and {others} more" if others > 0 else first


def _has_end(source: RunSource) -> bool:
    return source.timeline.last_step is not None


def _is_placed(source: RunSource, name: str, axis: Axis) -> bool:
    places = source.timeline.x(source.series[name], axis)
    return bool(places.size) and bool(np.isfinite(places).any())


@lru_cache(maxsize=8)
def _choices(names: tuple[str, ...], monitor: str | None) -> tuple[Choice, ...]:
    """Train and validation apart: colours tell runs here."""
    alone = [
        Choice(line.name, (Chosen(line.name, "", "run1"),), choice.unit, choice.kind)
        for choice in choose_charts(names, monitor)
        for line in choice.lines
    ]
    return tuple(sorted(alone, key=lambda choice: choice.title != monitor))
