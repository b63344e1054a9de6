"""Where a board of charts has its models from: one run, several of them, a machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, Protocol

import numpy as np

from guardrun.series.store import Series
from guardrun.state.model import RunState
from guardtui.chart.model import ChartModel
from guardtui.chart.ticks import step_text
from guardtui.snapshot import Curves
from guardtui.viewmodel.chart_choice import Choice, choose_charts
from guardtui.viewmodel.chart_models import ChartOptions, chart_model
from guardtui.viewmodel.timeline import AXES, Axis, Timeline


class ChartSource(Protocol):
    """What a board needs to know of what it draws. Made anew for each snapshot; cheap to make."""

    @property
    def version(self) -> object:
        """Equal to that of another source while all models would be the same."""

    @property
    def axes(self) -> Sequence[Axis]:
        """The x axes that the data has."""

    @property
    def live(self) -> bool:
        """Whether more data may come."""

    def choices(self) -> Sequence[Choice]:
        """The charts there are, the most telling first."""

    def model(self, choice: Choice, options: ChartOptions) -> ChartModel:
        """One of them, whole; the board adds window and cursor."""

    def convert(self, x: float, before: Axis, after: Axis) -> float | None:
        """A place on one axis as a place on another; None when that is not known."""

    def words_at(self, x: float, axis: Axis) -> tuple[str, ...]:
        """The place ``x`` on every axis there is, that axis first: "step 240", "epoch 2.4"."""

    def name(self) -> str:
        """What the data is of: for the name of an exported file."""


class RunSource:
    """The charts of one run."""

    def __init__(self, state: RunState, curves: Curves) -> None:
        self.state = state
        self._curves = curves

    @property
    def series(self) -> Mapping[str, Series]:
        """The curves by name."""
        return self._curves.series

    @property
    def version(self) -> object:
        """What of the state is drawn counts, too: marks, and where an epoch ends."""
        state = self.state
        return (
            id(self._curves), self._curves.version, state.attempts, state.signals, state.best, state.last,
            state.status, None if state.status.live else state.step, state.steps_per_epoch,
        )  # fmt: skip

    @property
    def live(self) -> bool:
        """Until the run is over."""
        return self.state.status.live

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """Steps and time always; the others when some curve has them."""
        return tuple(axis for axis in AXES if axis in ("step", "time") or self.timeline.has(axis))

    @cached_property
    def timeline(self) -> Timeline:
        """Where each step lies on the other axes."""
        return Timeline.of(self.series, self.state)

    def choices(self) -> Sequence[Choice]:
        """As the names of the curves ask for."""
        monitor = self.state.monitor
        return _choices(tuple(self.series), monitor.name if monitor else None)

    def model(self, choice: Choice, options: ChartOptions) -> ChartModel:
        """One chart of this run."""
        return chart_model(choice, self.series, self.state, self.timeline, options)

    def convert(self, x: float, before: Axis, after: Axis) -> float | None:
        """By the step that was taken there."""
        if before == after:
            return x
        step = self._step_at(x, before)
        return None if step is None else self.timeline.place(step, after)

    def _step_at(self, x: float, axis: Axis) -> float | None:
        if axis == "step":
            return x
        if axis == "epoch" and self.timeline.steps_per_epoch:
            return x * self.timeline.steps_per_epoch
        if axis == "to end":
            return None if self.timeline.last_step is None else x + self.timeline.last_step
        reached = np.flatnonzero(self.timeline.along(axis) <= x)
        return float(self.timeline.step[reached[-1]]) if reached.size else None

    def words_at(self, x: float, axis: Axis) -> tuple[str, ...]:
        """Step, epoch, time and tokens, as far as they are known."""
        places = [(each, self.convert(x, axis, each)) for each in self.axes]
        places.sort(key=lambda place: place[0] != axis)
        return tuple(place_words(each, place) for each, place in places if place is not None)

    def name(self) -> str:
        """The run's name."""
        return self.state.name


@lru_cache(maxsize=8)
def _choices(names: tuple[str, ...], monitor: str | None) -> tuple[Choice, ...]:
    """Hundreds of names are looked at once, not four times a second."""
    return tuple(choose_charts(names, monitor))


def place_words(axis: Axis, x: float) -> str:
    """A place on an axis: steps are whole, epochs have two decimals, times are durations.

    >>> place_words("step", 240.4), place_words("epoch", 2.4), place_words("time", 75.0)
    ('step 240', 'epoch 2.40', 'time 75s')
    >>> place_words("to end", -1200.0)
    '1,200 steps to the end'
    """
    if axis == "to end":
        return f"{step_text(round(-x))} steps to the end"
    if axis == "epoch":
        return f"epoch {x:.2f}"
    return f"{axis} {step_text(x if axis == 'time' else round(x), AXIS_UNITS.get(axis, ''))}"


AXIS_UNITS: Final = {"time": "s"}
"""Of each axis that has one, as ``ChartModel.x_unit``."""
