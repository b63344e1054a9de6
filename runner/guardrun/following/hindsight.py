"""What a stop would have saved, and whether the rest of the log shows that it would have been wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from guardrun.events.schema import EVAL, METRICS
from guardrun.series.store import SeriesStore

FloatArray = NDArray[np.float64]

WRONG_FROM: Final = 0.01
"""A stop was wrong when the monitored metric later beat its best by this share of it."""


@dataclass(frozen=True, slots=True)
class Later:
    """How the monitored metric went on after a stop that did not happen."""

    metric: str
    best_before: float | None
    best_after: float | None
    step: int | None
    """Where the later best was reached."""
    gain: float | None
    """Share by which the later best is better; negative: it never came back. None: nothing to compare."""

    @property
    def wrong(self) -> bool | None:
        """Whether the stop would have cost a better model; None when the log cannot tell."""
        return None if self.gain is None else self.gain >= WRONG_FROM


class Work:
    """How much of a log was done by which step of which attempt: in steps, rows and seconds."""

    def __init__(self, store: SeriesStore) -> None:
        tables = [table for kind, table in store.tables(0).items() if kind in (METRICS, EVAL) and table.size]
        order = np.concatenate([table.order() for table in tables]) if tables else np.empty(0, np.int64)
        index = np.argsort(order, kind="stable")

        def joined(name: str) -> FloatArray:
            return np.concatenate([table.axis(name) for table in tables])[index] if tables else np.empty(0)

        self._attempt = (
            np.concatenate([table.attempts() for table in tables])[index] if tables else np.empty(0, np.int32)
        )
        self._step = np.nan_to_num(joined("step"), nan=0.0, posinf=0.0, neginf=0.0)
        t = joined("t")
        self._t = np.where(np.isfinite(t) & (t > 0), t, np.nan)
        self._bounds = self._attempt_bounds()
        self._done = self._accumulated(self._step, from_zero=True)
        self._seconds = self._accumulated(self._t, from_zero=False)

    @property
    def steps(self) -> int:
        """The highest step."""
        return int(self._step.max()) if len(self._step) else 0

    @property
    def seconds(self) -> float | None:
        """Time of all attempts, pauses between them left out; None where the log has no times."""
        return float(self._seconds[-1]) if len(self._seconds) and self._seconds[-1] > 0 else None

    def place(self, attempt: int, step: int) -> int | None:
        """The last row of the attempt that is not after the step."""
        for number, start, end in self._bounds:
            if number == attempt and start < end:
                reached = np.maximum.accumulate(self._step[start:end])
                return start + max(0, int(np.searchsorted(reached, step, "right")) - 1)
        return None

    def saved_fraction(self, place: int) -> float:
        """Share of the steps that come after a row; of the rows, where steps do not tell."""
        total = self._done[-1]
        if total > 0:
            return float(1 - self._done[place] / total)
        return 1 - (place + 1) / len(self._done)

    def saved_seconds(self, place: int) -> float | None:
        """Time after a row; None where the log has no times."""
        total = self.seconds
        return None if total is None else total - float(self._seconds[place])

    def _attempt_bounds(self) -> list[tuple[int, int, int]]:
        if not len(self._attempt):
            return []
        starts = [0, *(np.flatnonzero(np.diff(self._attempt)) + 1).tolist()]
        ends = [*starts[1:], len(self._attempt)]
        return [(int(self._attempt[s]), s, e) for s, e in zip(starts, ends, strict=True)]

    def _accumulated(self, values: FloatArray, *, from_zero: bool) -> FloatArray:
        """What was gone through up to each row; a later attempt goes on where the former one ended."""
        out = np.zeros(len(values))
        before = 0.0
        for number, (_, start, end) in enumerate(self._bounds):
            part = values[start:end]
            known = np.flatnonzero(np.isfinite(part))
            if len(known):
                first = 0.0 if from_zero and number == 0 else float(part[known[0]])
                reached = np.maximum.accumulate(np.where(np.isfinite(part), part, -np.inf))
                out[start:end] = before + np.maximum(reached - first, 0.0)
            else:
                out[start:end] = before
            before = float(out[end - 1])
        return out


def later(
    store: SeriesStore, metric: str | None, mode: str, *, attempt: int, step: int
) -> Later:  # fmt: skip
    """Compare the monitored metric before and after a stop at that step of that attempt."""
    series = store.get(metric) if metric is not None else None
    if metric is None or series is None or not len(series):
        return Later(metric or "", None, None, None, None)
    earlier = (series.attempt < attempt) | ((series.attempt == attempt) & (series.step <= step))
    before, _ = _best(series.value[earlier], series.step[earlier], mode)
    after, at = _best(series.value[~earlier], series.step[~earlier], mode)
    gain = None
    if before is not None:
        gain = 0.0 if after is None else _gain(before, after, mode)
    return Later(metric, before, after, at, gain)


def deciding_metric(
    store: SeriesStore, monitor: str | None, mode: str
) -> tuple[str | None, Literal["min", "max"]]:
    """The metric by which a stop is judged: the monitor, else the validation loss."""
    names = store.names()
    if monitor is not None and monitor in names:
        return monitor, "max" if mode == "max" else "min"
    return ("val/loss" if "val/loss" in names else None), "min"


def _best(values: FloatArray, steps: FloatArray, mode: str) -> tuple[float | None, int | None]:
    finite = np.flatnonzero(np.isfinite(values))
    if not len(finite):
        return None, None
    known = values[finite]
    at = finite[int(np.argmin(known) if mode == "min" else np.argmax(known))]
    return float(values[at]), int(steps[at]) if np.isfinite(steps[at]) else None


def _gain(before: float, after: float, mode: str) -> float:
    better = before - after if mode == "min" else after - before
    if before:
        return better / abs(before)
    return 0.0 if better == 0 else float(np.copysign(1.0, better))
