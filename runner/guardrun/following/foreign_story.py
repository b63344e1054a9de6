"""What was read of another tool's log so far, folded and judged like a run of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from guardrun.events.schema import PHASE, RUN_END, Event
from guardrun.following.judging import RunJudge
from guardrun.reading.columns import ColumnReader
from guardrun.reading.foreign.events import EventWriter
from guardrun.reading.foreign.model import ForeignLog, ForeignRow
from guardrun.series.store import SeriesStore
from guardrun.signals.context import EngineSettings
from guardrun.signals.model import Signal
from guardrun.state.fold import RunFold
from guardrun.state.model import Facts, RunState

_TIMELINE: Final = frozenset((PHASE, RUN_END))
RANK0: Final = "rank0"


class Story:
    """Rows become the lines of an events.jsonl, which take the way of every run: one truth."""

    def __init__(self, known: ForeignLog, *, judge: bool) -> None:
        self.series = SeriesStore()
        self.rows = 0
        self.last: ForeignRow | None = None
        self.known = known
        self._fold = RunFold()
        self._reader = ColumnReader()
        self._writer = EventWriter(known, known.name)
        self._begun = self._over = False
        self._finished_at = 0
        self._timeline: list[tuple[int, Event]] = []
        self._judge_wanted = judge
        self._judge: RunJudge | None = None

    def add(self, rows: Sequence[ForeignRow], known: ForeignLog) -> None:
        """Take more rows; ``known`` is what is known of their log now."""
        if not self._begun:
            self._begun, self.known = True, known
            self._writer = EventWriter(known, known.name)
            self._take(self._writer.beginning())
        elif known != self.known:
            self.known = known
            self._take(self._writer.learnt(known))
        self._take(line for row in rows for line in self._writer.row(row))
        self.rows += len(rows)
        self.last = rows[-1] if rows else self.last

    def finish(self) -> bool:
        """Everything that is there was read: whether the log proves an end, which nobody knew of."""
        if self._over or self.rows == self._finished_at:
            return False
        self._finished_at = self.rows
        lines = list(self._writer.ending())
        self._over = bool(lines)
        self._take(lines)
        return self._over

    def judge(self, deadline: float) -> bool:
        """Judge what was not judged yet until ``deadline``; whether a signal changed."""
        if not self._judge_wanted:
            return False
        settings = self.settings()
        if self._judge is None or self._judge.settings != settings:
            self._judge = RunJudge(self.series, settings, self._timeline)
        return self._judge.run(deadline)

    @property
    def behind(self) -> bool:
        """Whether rows were not judged yet."""
        return self._judge_wanted and (self._judge is not None and self._judge.behind)

    @property
    def signals(self) -> tuple[Signal, ...]:
        return () if self._judge is None else self._judge.signals

    @property
    def over(self) -> bool:
        """Whether the log proves that its training came to its end."""
        return self._over

    def settings(self) -> EngineSettings:
        """As ``guard signals`` judges such a log."""
        known = self.known
        return EngineSettings(
            monitor=known.monitor, mode=known.mode, total_steps=known.total_steps,
            total_epochs=known.total_epochs,
        )  # fmt: skip

    def state(self, facts: Facts, launch: Mapping[str, Any], now: float, path: str, **more: Any) -> RunState:
        """The run's state by its events and these facts."""
        state = self._fold.state(facts, launch, None, now, path, signals=self.signals, **more)
        return replace(state, can_save=False)

    def _take(self, lines: Iterable[bytes]) -> None:
        batch = self._reader.read(b"".join(lines))
        self._fold.add(RANK0, batch)
        self.series.add(0, batch)
        self._timeline += [placed for placed in batch.events if placed[1]["kind"] in _TIMELINE]


def same_start(old: Story, new: Story) -> bool:
    """Whether a log that was written anew tells no more than before."""
    return new.rows == old.rows and repr(new.last) == repr(old.last)
