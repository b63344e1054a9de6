"""Where the steps of a run lie on the other axes: epochs, time, tokens. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from guardrun.series.downsample import monotone_pieces
from guardrun.series.store import Series
from guardrun.state.model import RunState
from guardtui.viewmodel.lr_changes import LrChange, lr_changes
from guardtui.viewmodel.tokens import Counted, count_tokens, has_tokens

Axis = Literal["step", "epoch", "time", "tokens", "to end"]
AXES: Final[tuple[Axis, ...]] = ("step", "epoch", "time", "tokens")
"""Those of one run. Several also lie together by the steps left to each one's last."""

Floats = NDArray[np.float64]

_MOST_PIECES = 256
_EMPTY: Final = np.empty(0)


class Parted(NamedTuple):
    """Stretches of a series, each of one attempt."""

    kept: tuple[slice, ...]
    again: tuple[slice, ...]


class Timeline:
    """The axes of one run, from the series with the most points; what is not asked for is not computed."""

    def __init__(self, series: Mapping[str, Series], longest: Series | None, state: RunState) -> None:
        self._series = series
        self._longest = longest
        self._converted: dict[tuple[object, ...], Floats] = {}
        self._parted: dict[tuple[int, ...], Parted] = {}
        self._first_steps = {each.number: each.from_step for each in state.attempts}
        self.start = min((float(each.t[0]) for each in series.values() if len(each)), default=0.0)
        """Unix seconds of the run's first point."""
        self.steps_per_epoch = float(state.steps_per_epoch) if state.steps_per_epoch else None

    @staticmethod
    def of(series: Mapping[str, Series], state: RunState) -> Timeline:
        """The timeline of a run. A series without steps serves only where there is no other."""
        timed = [each for each in series.values() if len(each)]
        longest = max(timed, key=lambda each: (not np.isnan(each.step[-1]), len(each)), default=None)
        return Timeline(series, longest, state)

    @property
    def step(self) -> Floats:
        """Steps at which something was logged, in the order in which they were taken."""
        return _EMPTY if self._longest is None else self._longest.step

    @property
    def t(self) -> Floats:
        """Unix seconds at each of ``step``."""
        return _EMPTY if self._longest is None else self._longest.t

    @cached_property
    def last_step(self) -> float | None:
        """The step that was taken last; after a resume from far back not the largest. None: there is none."""
        ends = [(float(each.t[-1]), float(each.step[-1])) for each in self._series.values() if len(each)]
        return max(((t, step) for t, step in ends if np.isfinite(step)), default=(0.0, None))[1]

    @cached_property
    def counted(self) -> Counted | None:
        """Tokens, where they are known."""
        return count_tokens(self._series)

    @cached_property
    def lr_changes(self) -> tuple[LrChange, ...]:
        """Where the learning rate jumped."""
        named = [each for name, each in self._series.items() if name == "lr" or name.startswith("lr/")]
        return lr_changes(named[0]) if named else ()

    @cached_property
    def kept_until(self) -> dict[int, float]:
        """Of each attempt the last step that no later attempt did again; infinite for the latest."""
        numbers: list[int] = []
        if self._longest is not None:
            attempt = self._longest.attempt
            starts = np.flatnonzero(attempt[1:] != attempt[:-1]) + 1
            numbers = sorted({int(attempt[0]), *attempt[starts].tolist()})
        until, lowest = {}, np.inf
        for number in reversed(numbers):
            until[number] = lowest
            lowest = min(lowest, float(self._first_steps.get(number, np.inf)))
        return until

    def parted(self, series: Series) -> Parted:
        """Which stretches of a series later attempts have left standing, and which they did again."""
        key = (*_memory(series.step), *_memory(series.attempt))
        found = self._parted.get(key)
        if found is None:
            found = self._parted[key] = self._part(series)
        return found

    def joined(self, column: Floats, parts: tuple[slice, ...]) -> Floats:
        """Stretches of a column, of places or values, one after the other: once for all that ask for them."""
        key = (*_memory(column), *((part.start, part.stop) for part in parts))
        found = self._converted.get(key)
        if found is None:
            whole = np.concatenate([_EMPTY, *(column[part] for part in parts)])
            found = self._converted[key] = _frozen(whole)
        return found

    def _part(self, series: Series) -> Parted:
        """An attempt's stretches, cut where steps were done again; a step that is not known was not."""
        attempt = series.attempt
        starts = [0, *(np.flatnonzero(attempt[1:] != attempt[:-1]) + 1).tolist()]
        kept: list[slice] = []
        again: list[slice] = []
        for start, end in itertools.pairwise([*starts, len(series)]):
            over = series.step[start:end] > self.kept_until.get(int(attempt[start]), np.inf)
            turns = (np.flatnonzero(over[1:] != over[:-1]) + start + 1).tolist()
            for a, b in itertools.pairwise([start, *turns, end]):
                (again if over[a - start] else kept).append(slice(a, b))
        return Parted(tuple(kept), tuple(again))

    def has(self, axis: Axis) -> bool:
        """Whether anything of this run can be drawn on the axis."""
        if axis == "epoch":
            known = self._longest is not None and not np.isnan(self._longest.epoch).all()
            return self.steps_per_epoch is not None or known
        return axis != "tokens" or (has_tokens(self._series) and self.counted is not None)

    def along(self, axis: Axis) -> Floats:
        """The place of each of ``step`` on an axis."""
        return _EMPTY if self._longest is None else self.x(self._longest, axis)

    def x(self, series: Series, axis: Axis) -> Floats:
        """The places of a series' points on an axis; NaN where that is not known."""
        if axis == "step":
            return series.step
        # Curves of one kind of event share their steps and times: they are converted once.
        key = (axis, *_memory(series.step), *_memory(series.t), *_memory(series.epoch))
        found = self._converted.get(key)
        if found is None:
            found = self._converted[key] = _frozen(self._convert(series, axis))
        return found

    def _convert(self, series: Series, axis: Axis) -> Floats:
        if axis == "time":
            return series.t - self.start
        if axis == "tokens":
            return np.full(len(series), np.nan) if self.counted is None else self.counted.at(series)
        if axis == "to end":
            return series.step - (np.nan if self.last_step is None else self.last_step)
        return series.step / self.steps_per_epoch if self.steps_per_epoch else series.epoch

    def place(self, step: float, axis: Axis) -> float | None:
        """x of a step: the last time it was taken; None when that is not known."""
        if axis == "step":
            return step
        if axis == "epoch" and self.steps_per_epoch:
            return step / self.steps_per_epoch
        if axis == "to end":
            return None if self.last_step is None else step - self.last_step
        index = self._index_of(step)
        if index is None:
            return None
        value = float(self._along_once[axis][index] if axis != "time" else self.t[index] - self.start)
        return value if np.isfinite(value) else None

    @cached_property
    def _along_once(self) -> dict[Axis, Floats]:
        return {"epoch": self.along("epoch"), "tokens": self.along("tokens")}

    def _index_of(self, step: float) -> int | None:
        """The last point at or before a step, in the latest attempt that reached back so far."""
        pieces = self._pieces
        if len(pieces) > _MOST_PIECES:
            found = np.flatnonzero(self.step <= step)
            return int(found[-1]) if found.size else None
        for piece in reversed(pieces):
            count = int(np.searchsorted(self.step[piece], step, side="right"))
            if count:
                return int(piece.start) + count - 1
        return None

    @cached_property
    def _pieces(self) -> list[slice]:
        return monotone_pieces(self.step)


def _frozen(places: Floats) -> Floats:
    """The same, never to be written to: charts then need not look whether it changed."""
    places.setflags(write=False)
    return places


def _memory(array: NDArray[Any]) -> tuple[int, int]:
    """Where an array lies and how long it is: while it lives, what tells it from all others."""
    return array.__array_interface__["data"][0], array.size
