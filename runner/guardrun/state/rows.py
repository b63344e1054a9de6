"""What the rows of one source tell about progress and metrics, without keeping the rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardrun.events.schema import EVAL, METRICS
from guardrun.reading.columns import ABSENT, Batch, Rows, is_absent
from guardrun.state.progress import Recent
from guardrun.state.values import whole

FloatArray = NDArray[np.float64]

WINDOW: Final = 600
"""Newest metrics rows from which step rate and step times are told."""
_FEW: Final = 8
"""Below this many rows plain Python is quicker than numpy's calls."""
_AXES: Final = frozenset(("t", "step", "epoch"))


@dataclass(slots=True)
class Extremes:
    """The best and the newest of one metric. Infinities and NaN are never best, but they can be newest."""

    low: float = math.inf
    low_step: float = math.nan
    high: float = -math.inf
    high_step: float = math.nan
    last: float | None = None
    last_order: int = -1


class RowsFold:
    """Folds batches of rows of one source; constant memory."""

    def __init__(self) -> None:
        self.step: int | None = None
        self.epoch: int | None = None
        self.attempt = 0
        """Attempt of the newest row; 0 before the first."""
        self.metrics: dict[str, Extremes] = {}
        self.recent = Recent()
        self.spans: dict[int, tuple[float, float]] = {}
        """Attempt -> times of its first and last row."""
        self._order = -1

    def add(self, batch: Batch) -> None:
        for rows in batch.rows:
            if not len(rows.order):
                continue
            self._note_times(rows)
            if rows.kind in (METRICS, EVAL):
                self._note_place(rows)
                self._note_metrics(rows)
            if rows.kind == METRICS:
                self._note_recent(rows)

    def _note_times(self, rows: Rows) -> None:
        t = rows.columns.get("t")
        if t is None:
            return
        same = rows.attempt[0] == rows.attempt[-1]
        for number in rows.attempt[:1].tolist() if same else np.unique(rows.attempt).tolist():
            known = t[(rows.attempt == number) & np.isfinite(t)]
            if len(known):
                low, high = self.spans.get(number, (math.inf, -math.inf))
                self.spans[number] = (min(low, float(known[0])), max(high, float(known[-1])))

    def _note_place(self, rows: Rows) -> None:
        order = int(rows.order[-1])
        if order < self._order:
            return
        self._order = order
        attempt = int(rows.attempt[-1])
        if attempt != self.attempt:
            self.attempt, self.step = attempt, None
        for name in ("step", "epoch"):
            column = rows.columns.get(name)
            value = None if column is None else whole(float(column[-1]))
            if value is not None:
                setattr(self, name, value)

    def _note_metrics(self, rows: Rows) -> None:
        steps = rows.columns.get("step")
        for name, column in rows.columns.items():
            if name in _AXES:
                continue
            extremes = self.metrics.get(name)
            if extremes is None:
                extremes = self.metrics[name] = Extremes()
            if len(column) <= _FEW:
                _fold_few(extremes, rows, column, steps)
            else:
                _fold_many(extremes, rows, column, steps)

    def _note_recent(self, rows: Rows) -> None:
        held, columns = self.recent, rows.columns
        missing = np.full(len(rows.order), ABSENT)
        self.recent = Recent(
            np.concatenate((held.attempt, rows.attempt[-WINDOW:]))[-WINDOW:],
            *(
                np.concatenate((old, columns.get(name, missing)[-WINDOW:]))[-WINDOW:]
                for old, name in ((held.step, "step"), (held.t, "t"), (held.step_time, "step_time"))
            ),
        )


def _fold_few(into: Extremes, rows: Rows, column: FloatArray, steps: FloatArray | None) -> None:
    present = ~is_absent(column)
    for i, value in enumerate(column.tolist()):
        if not present[i]:
            continue
        if math.isfinite(value):
            if value < into.low:
                into.low, into.low_step = value, float(steps[i]) if steps is not None else math.nan
            if value > into.high:
                into.high, into.high_step = value, float(steps[i]) if steps is not None else math.nan
        if rows.order[i] > into.last_order:
            into.last, into.last_order = value, int(rows.order[i])


def _fold_many(into: Extremes, rows: Rows, column: FloatArray, steps: FloatArray | None) -> None:
    finite = np.isfinite(column)
    if finite.any():
        low = int(np.argmin(np.where(finite, column, np.inf)))
        high = int(np.argmax(np.where(finite, column, -np.inf)))
        if column[low] < into.low:
            into.low, into.low_step = float(column[low]), float(steps[low]) if steps is not None else math.nan
        if column[high] > into.high:
            into.high = float(column[high])
            into.high_step = float(steps[high]) if steps is not None else math.nan
    present = np.flatnonzero(finite | ~is_absent(column))
    if len(present) and rows.order[present[-1]] > into.last_order:
        into.last = float(column[present[-1]])
        into.last_order = int(rows.order[present[-1]])
