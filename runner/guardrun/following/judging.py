"""Judge a run that no supervisor judges: walk its stored rows in order, in bounded slices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from guardrun.events.schema import EVAL, METRICS
from guardrun.following.episodes import Episodes
from guardrun.reading.columns import is_absent
from guardrun.series.store import SeriesStore
from guardrun.signals.engine import Engine, EngineSettings
from guardrun.signals.model import Point, Signal

_SLICE: Final = 512
"""Rows turned into points at once."""
_KINDS: Final[tuple[Literal["metrics", "eval"], ...]] = (METRICS, EVAL)
_AXES: Final = frozenset(("t", "step", "epoch"))


class RunJudge:
    """Feeds rank 0's rows to an engine, each once. Its signals are labelled as not recorded."""

    def __init__(self, store: SeriesStore, settings: EngineSettings) -> None:
        self.settings = settings
        self._store = store
        self._engine = Engine(settings)
        self._episodes = Episodes()
        self._taken: dict[str, int] = dict.fromkeys(_KINDS, 0)
        self._attempt = 0

    @property
    def signals(self) -> tuple[Signal, ...]:
        return self._episodes.all()

    @property
    def behind(self) -> bool:
        """Whether there are rows that were not judged yet."""
        tables = self._store.tables(0)
        return any(kind in tables and self._taken[kind] < tables[kind].size for kind in _KINDS)

    def run(self, deadline: float) -> bool:
        """Judge until ``deadline`` (time.monotonic) or until nothing is left; whether a signal changed."""
        changed = False
        while self.behind:
            for attempt, point in self._slice():
                if attempt != self._attempt:
                    if self._attempt:
                        changed |= self._take(self._engine.resumed())
                        self._episodes.close_all()
                    self._attempt = attempt
                changed |= self._take(self._engine.feed(point))
            if time.monotonic() >= deadline:
                break
        return changed

    def _take(self, transitions: list[Signal]) -> bool:
        for signal in transitions:
            self._episodes.add(replace(signal, recorded=False))
        return bool(transitions)

    def _slice(self) -> Iterator[tuple[int, Point]]:
        """The next rows of both kinds, merged in file order."""
        tables = self._store.tables(0)
        heads: dict[str, int] = {}
        for kind in _KINDS:
            if kind in tables and self._taken[kind] < tables[kind].size:
                heads[kind] = int(tables[kind].order()[self._taken[kind]])
        limit = min(heads.values()) + _SLICE
        found: list[tuple[int, int, Point]] = []
        for kind in _KINDS:
            if kind in heads and heads[kind] < limit:
                found.extend(self._points(kind, limit))
        found.sort(key=lambda item: item[0])
        return ((attempt, point) for _, attempt, point in found)

    def _points(self, kind: Literal["metrics", "eval"], limit: int) -> Iterator[tuple[int, int, Point]]:
        rows = self._store.tables(0)[kind]
        start = self._taken[kind]
        end = start + int(np.searchsorted(rows.order()[start : start + _SLICE], limit))
        self._taken[kind] = end
        names = [name for name in rows.names() if name not in _AXES]
        if not names:
            return
        values = np.stack([rows.column(name)[start:end] for name in names])
        present = ~is_absent(values)
        whole = np.all(present, axis=0).tolist()
        axes = zip(
            rows.order()[start:end].tolist(),
            rows.attempts()[start:end].tolist(),
            *(rows.axis(name)[start:end].tolist() for name in ("step", "epoch", "t")),
            values.T.tolist(),
            whole,
            present.T.tolist(),
            strict=True,
        )
        for order, attempt, step, epoch, t, row, complete, mask in axes:
            if not 0 <= step < 2**63:  # NaN included
                continue
            if complete:
                numbers = dict(zip(names, row, strict=True))
            else:
                numbers = {n: v for n, v, there in zip(names, row, mask, strict=True) if there}
            yield (
                order,
                attempt,
                Point(
                    kind, int(step), int(epoch) if 0 <= epoch < 2**63 else None, t if t == t else 0.0, numbers
                ),
            )
