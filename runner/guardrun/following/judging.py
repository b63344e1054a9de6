"""Judge a run from its stored rows, in order and in bounded spans, as a supervisor would have live."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from guardrun.events.schema import EVAL, METRICS, Event
from guardrun.events.schema import SYSTEM as SYSTEM_KIND
from guardrun.following.episodes import Episodes
from guardrun.series.store import SYSTEM, SeriesStore
from guardrun.signals.block import Block, FloatArray
from guardrun.signals.engine import Engine, EngineSettings, Placed
from guardrun.signals.from_events import point_of
from guardrun.signals.model import Kind, Signal
from guardrun.signals.siblings import Sibling

_SPAN: Final = 4096
"""Rows judged at once."""
_CELLS: Final = 64 * 1024
"""The same for wide logs, in numbers."""
_AXES: Final = frozenset(("t", "step", "epoch"))
_Place = Literal["metrics", "eval"]
_KINDS: Final[dict[str, Kind]] = {METRICS: "metrics", EVAL: "eval", SYSTEM_KIND: "system"}


class RunJudge:
    """Feeds a run's rows to an engine, each once. Its signals are labelled as not recorded.

    ``events`` are rank 0's other events (phases, its end) with the number of rows before each; the list may
    grow. With ``machine`` also what other ranks and the machine tell is judged, placed by its time.
    """

    def __init__(
        self,
        store: SeriesStore,
        settings: EngineSettings,
        events: Sequence[tuple[int, Event]] = (),
        *,
        machine: bool = False,
    ) -> None:
        self.settings = settings
        self.rows = 0
        """Rows of rank 0 that were judged."""
        self._store = store
        self._events = events
        self._machine = machine
        self._engine = Engine(settings)
        self._episodes = Episodes()
        self._taken: dict[str, int] = dict.fromkeys((METRICS, EVAL), 0)
        self._events_taken = 0
        self._machine_taken: dict[tuple[int, str], int] = {}
        self._attempt = 0
        self._last_step = 0

    @property
    def signals(self) -> tuple[Signal, ...]:
        return self._episodes.all()

    @property
    def attempt(self) -> int:
        """The attempt of the rows that were judged last."""
        return self._attempt

    @property
    def behind(self) -> bool:
        """Whether there are rows that were not judged yet."""
        tables = self._store.tables(0)
        return any(kind in tables and self._taken[kind] < tables[kind].size for kind in self._taken)

    def compare_with(self, siblings: tuple[Sibling, ...]) -> None:
        """How the other runs of the group are doing, from the next row on."""
        self._engine.context.siblings = siblings

    def run(self, deadline: float) -> bool:
        """Judge until ``deadline`` (time.monotonic) or until nothing is left; whether a signal changed."""
        changed = False
        while self.behind:
            changed |= self._span()
            if time.monotonic() >= deadline:
                return changed
        return self._rest() or changed

    def _span(self) -> bool:
        """Judge the next rows of one attempt."""
        limit, attempt = self._limit()
        changed = False
        if attempt != self._attempt:
            if self._attempt:
                changed = self._take(self._engine.resumed())
                self._episodes.close_all()
            self._attempt = attempt
        metrics = self._block(METRICS, limit)
        evals = self._block(EVAL, limit)
        others: list[Placed] = []
        if evals is not None:
            others += zip(evals.order.tolist(), evals.points(), strict=True)
        others = _distinct([*others, *self._events_before(limit)])
        if self._machine and metrics is not None:
            others = _distinct([*others, *self._machine_until(metrics, others)])
        if metrics is not None:
            self._last_step = int(metrics.step[-1])
        self.rows += (0 if metrics is None else len(metrics)) + (0 if evals is None else len(evals))
        return self._take(self._engine.feed_span(metrics, others)) or changed

    def _rest(self) -> bool:
        """What comes after the last row: the end of the training, time that passed."""
        others = _distinct(self._events_before(float("inf")))
        if self._machine:
            others += self._machine_until(None, others)
        return self._take(self._engine.feed_span(None, _distinct(others)))

    def _take(self, transitions: list[Signal]) -> bool:
        for signal in transitions:
            self._episodes.add(replace(signal, recorded=False))
        return bool(transitions)

    def _limit(self) -> tuple[int, int]:
        """The place before which the next span ends, and the attempt that its rows are of."""
        tables = self._store.tables(0)
        heads: list[tuple[int, int]] = []
        limits: list[int] = []
        for kind, taken in self._taken.items():
            if kind not in tables or taken >= tables[kind].size:
                continue
            table = tables[kind]
            end = min(table.size, taken + max(64, min(_SPAN, _CELLS // (1 + len(list(table.names()))))))
            attempts = table.attempts()[taken:end]
            heads.append((int(table.order()[taken]), int(attempts[0])))
            change = np.flatnonzero(attempts != attempts[0])
            stop = taken + int(change[0]) if len(change) else end
            limits.append(int(table.order()[stop]) if stop < table.size else np.iinfo(np.int64).max)
        first, attempt = min(heads)
        for place, other in heads:
            if other != attempt and place > first:
                limits.append(place)
        return min(limits), attempt

    def _block(self, kind: _Place, limit: int) -> Block | None:
        """The next rows of a kind before ``limit``; rows without a step are left out."""
        table = self._store.tables(0).get(kind)
        if table is None:
            return None
        start = self._taken[kind]
        end = start + int(np.searchsorted(table.order()[start:], limit))
        self._taken[kind] = end
        step = table.axis("step")[start:end]
        usable = (step >= 0) & (step < 2.0**63)  # False for NaN
        keep: slice | NDArray[np.bool_] = slice(None) if usable.all() else usable
        columns = {n: table.column(n)[start:end][keep] for n in table.names() if n not in _AXES}
        block = Block(
            kind,
            table.order()[start:end][keep],
            step[keep],
            table.axis("epoch")[start:end][keep],
            table.axis("t")[start:end][keep],
            columns,
        )
        return block if len(block) else None

    def _events_before(self, limit: float) -> list[Placed]:
        """Phases and ends; one that stands between two rows comes after the first and before the second."""
        found: list[Placed] = []
        while self._events_taken < len(self._events):
            rows_before, event = self._events[self._events_taken]
            if rows_before >= limit:
                break
            self._events_taken += 1
            point = point_of(event, last_step=self._last_step)
            if point is not None:
                found.append((rows_before - 0.5, point))
        return found

    def _machine_until(self, metrics: Block | None, others: Sequence[Placed]) -> list[Placed]:
        """What other ranks and the machine told in the time of these rows (None: all that is left)."""
        found: list[Placed] = []
        anchors = _Anchors(metrics, others, self._last_step)
        for rank in (SYSTEM, *(r for r in self._store.ranks() if r > 0)):
            for kind, table in self._store.tables(rank).items():
                start = self._machine_taken.get((rank, kind), 0)
                times = table.axis("t")[start:]
                end = len(times)
                if metrics is not None:
                    end = int(np.searchsorted(np.maximum.accumulate(times), anchors.last_row_t, "right"))
                if not end:
                    continue
                self._machine_taken[rank, kind] = start + end
                columns = {n: table.column(n)[start : start + end] for n in table.names() if n not in _AXES}
                rows = Block(
                    _KINDS[kind], table.order()[start : start + end], table.axis("step")[start : start + end],
                    table.axis("epoch")[start : start + end], times[:end], columns,
                )  # fmt: skip
                found += _placed(rows, rank, anchors)
        return found


class _Anchors:
    """Rank 0's points of a span in their order: what others told comes after those that are no newer."""

    def __init__(self, metrics: Block | None, others: Sequence[Placed], last_step: int) -> None:
        none = np.empty(0)
        rows = (none, none, none) if metrics is None else (metrics.order, metrics.t, metrics.step)
        places = np.concatenate((rows[0], [place for place, _ in others]))
        times = np.concatenate((rows[1], [point.t for _, point in others]))
        steps = np.concatenate((rows[2], [np.nan] * len(others)))
        order = np.argsort(places, kind="stable")
        self._times = np.maximum.accumulate(np.nan_to_num(times[order], nan=0.0))
        before = float(places[order[0]]) - 1 if len(order) else 0.0
        self._places = np.concatenate(([before], places[order]))
        """A place for what is older than all, then the points' own."""
        known = np.concatenate(([float(last_step)], steps[order]))
        newest = np.maximum.accumulate(np.where(np.isnan(known), 0, np.arange(len(known))))
        self._steps = known[newest].astype(int)
        self.last_row_t = float(np.nanmax(rows[1], initial=0.0))

    def of(self, times: FloatArray) -> tuple[list[float], list[int]]:
        """The places of points of these times, and the steps that the training stood at."""
        at = np.searchsorted(self._times, times, "right")
        # A quarter after a row, and before the events that stand half-way to the next one.
        return (self._places[at] + 0.25 * (self._places[at] % 1 == 0)).tolist(), self._steps[at].tolist()


def _placed(rows: Block, rank: int, anchors: _Anchors) -> Iterator[Placed]:
    """Points of another rank or the machine."""
    places, steps = anchors.of(rows.t)
    if rank == SYSTEM:
        rows.step = np.asarray(steps, float)
    usable = (rows.step >= 0) & (rows.step < 2.0**63)
    for place, point, fine in zip(places, rows.points(), usable.tolist(), strict=True):
        if fine:
            yield place, replace(point, rank=max(rank, 0))


def _distinct(placed: list[Placed]) -> list[Placed]:
    """In order, no two at the same place."""
    ordered = sorted(placed, key=lambda each: each[0])
    last = -math.inf
    for index, (place, point) in enumerate(ordered):
        if place <= last < math.inf:
            place = math.nextafter(last, math.inf)
            ordered[index] = (place, point)
        last = place
    return ordered
