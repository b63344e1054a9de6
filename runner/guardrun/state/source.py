"""One log file of a run, folded: what a rank, the supervisor or the sampler told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from guardrun.events import schema
from guardrun.events.clocks import SteadyTime, wall_time
from guardrun.events.commands import CHECKPOINT, REMARK, STOP, TAG
from guardrun.events.schema import Event
from guardrun.reading.columns import Batch
from guardrun.state.model import CheckpointRef, SaveAnswer, StopStage
from guardrun.state.rows import RowsFold
from guardrun.state.values import real, table, whole, words

_MOST_NOTES: Final = 200
_MOST_DATA: Final = 64
_MOST_STAGES: Final = 500
_MOST_SIGNALS: Final = 2000
_MOST_SAID: Final = 2000
_MOST_SAVES: Final = 100
_MOST_WRITTEN: Final = 1000
_ROLES: Final = ("best", "last")


@dataclass(slots=True)
class AttemptDraft:
    """One attempt as this file knows it."""

    first_t: float = math.inf
    last_t: float = -math.inf
    boot: str = ""
    booted: float | None = None
    """When the host had booted, by the clock of these times; None where the log does not tell."""
    from_step: int = 0
    end: Event | None = None


@dataclass(slots=True)
class SourceFold:
    """Takes the events of one file in order; never raises, whatever they hold."""

    attempt: int = 0
    """The newest attempt that this file tells of; 0 before the first."""
    attempts: dict[int, AttemptDraft] = field(default_factory=dict)
    rows: RowsFold = field(default_factory=RowsFold)
    header: dict[str, Any] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    """The newest run_start."""
    env: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Event] = field(default_factory=dict)
    phase: str = ""
    totals: dict[str, int] = field(default_factory=dict)
    step: int | None = None
    """Newest step told by an event that is not a row (a resume, a checkpoint, the end)."""
    epoch: int | None = None
    last_t: float | None = None
    """Steady (guardrun.events.clocks), as are the times of attempts."""
    clock: SteadyTime = field(default_factory=SteadyTime)
    can_save: bool | None = None
    checkpoints: dict[str, CheckpointRef] = field(default_factory=dict)
    """Role -> the newest checkpoint with it."""
    written: dict[str, CheckpointRef] = field(default_factory=dict)
    """Path -> the checkpoint, of the newest: a pointer may go back to one of them."""
    proofs: dict[tuple[str, str], Event] = field(default_factory=dict)
    """(role, path) -> the supervisor's newest proof."""
    stages: list[StopStage] = field(default_factory=list)
    acks: list[Event] = field(default_factory=list)
    """Answers to a stop."""
    saves: list[SaveAnswer] = field(default_factory=list)
    said: dict[str, Event] = field(default_factory=dict)
    """Notes and tags of people by the id of the command; they outlast an attempt."""
    signals: list[tuple[int, Event]] = field(default_factory=list)
    """(attempt, event), in order."""
    notes: dict[str, None] = field(default_factory=dict)
    dropped: int = 0
    bad_lines: int = 0

    def add(self, batch: Batch) -> None:
        """Take one more batch of the file."""
        self.bad_lines += batch.bad_lines
        self.rows.add(batch)
        for _, event in batch.events:
            self._common(event)
            handler = _HANDLERS.get(event["kind"])
            if handler is not None:
                handler(self, event)
        # After the events: a batch may hold several attempts, and each event belongs to its own.
        if self.rows.attempt > self.attempt:
            self._begin(self.rows.attempt)
        for number, (first, last) in self.rows.spans.items():
            self._span(number, first, last)

    def newest_t(self, boot: str, booted: float | None) -> float | None:
        """Time of the newest event by the clock on the wall: of a reader in that boot, which says that its
        host booted then, else by the writer's."""
        return None if self.last_t is None else self.last_t + self.clock.by_clock_of(boot, booted)

    def _begin(self, number: int) -> None:
        """A new attempt: what belonged to the former one alone is over."""
        if number <= self.attempt:
            return
        self.attempt = number
        self.attempts.setdefault(number, AttemptDraft())
        self.stages, self.acks, self.saves = [], [], []
        self.phase, self.can_save = "", None
        self.step = None

    def _span(self, number: int, first: float, last: float) -> None:
        draft = self.attempts.setdefault(number, AttemptDraft())
        draft.first_t, draft.last_t = min(draft.first_t, first), max(draft.last_t, last)
        if self.last_t is None or draft.last_t > self.last_t:
            self.last_t = draft.last_t

    def _common(self, event: Event) -> None:
        """What any event may carry: its time, totals, a count of dropped events."""
        number = whole(event.get("attempt"))
        if event["kind"] in _BEGINNINGS and number:
            self._begin(number)
        if event["kind"] in _CLOCKS:
            self._note_clock(event)
        t = real(event.get("t"))
        if t is not None and event["kind"] not in _AFTERTHOUGHTS:
            self._span(self.attempt or 1, t, t)
        for key in ("total_steps", "total_epochs", "steps_per_epoch"):
            told = whole(event.get(key))
            if told:
                self.totals[key] = told
        self.dropped = max(self.dropped, whole(event.get("dropped")) or 0)

    def _note_clock(self, event: Event) -> None:
        self.clock.take(event)
        draft = self.attempts.setdefault(self.attempt or 1, AttemptDraft())
        if draft.booted is None:
            draft.boot, draft.booted = self.clock.boot, self.clock.reference

    def _on_header(self, event: Event) -> None:
        self.header = event

    def _on_run_start(self, event: Event) -> None:
        self.start = event

    def _on_env(self, event: Event) -> None:
        self.env.update((k, v) for k, v in event.items() if k not in schema.ENVELOPE)

    def _on_seeds(self, event: Event) -> None:
        self.seeds.update((k, v) for k, v in event.items() if k not in schema.ENVELOPE)

    def _on_data(self, event: Event) -> None:
        if len(self.data) < _MOST_DATA:
            self.data[words(event.get("name"))] = event

    def _on_phase(self, event: Event) -> None:
        phase = words(event.get("phase"))
        if phase == "stop" and event.get("stage"):
            self._stage(event)
        else:
            self.phase = phase
        self.epoch = self._or(event.get("epoch"), self.epoch)

    def _stage(self, event: Event) -> None:
        stage = words(event.get("stage"))
        over = any(s.stage == "gone" for s in self.stages)
        if stage == "requested" and (over or not self.stages):
            self.stages = []
        if len(self.stages) < _MOST_STAGES:
            self.stages.append(
                StopStage(stage, wall_time(event) or 0.0, whole(event.get("rank")), words(event.get("text")))
            )

    def _on_checkpoint(self, event: Event) -> None:
        path = words(event.get("path"))
        role = event.get("role")
        if isinstance(role, str):
            self.proofs[role, path] = event
            return
        told = event.get("roles")
        roles = [r for r in _ROLES if r in told] if isinstance(told, list) else []
        self.step = self._or(event.get("step"), self.step)
        made = CheckpointRef(
            path=path, step=whole(event.get("step")) or 0, metric=real(event.get("metric")),
            sha256=words(event.get("meta_sha256")), verified=None, epoch=whole(event.get("epoch")),
            bytes=whole(event.get("bytes")), t=wall_time(event), seconds=real(event.get("seconds")),
            own=words(event.get("own")),
        )  # fmt: skip
        self.written.pop(path, None)
        self.written[path] = made
        if len(self.written) > _MOST_WRITTEN:
            del self.written[next(iter(self.written))]
        for name in roles:
            self.checkpoints[name] = made
        if "last" in roles:
            self.saves = [
                save if save.written or save.problem else replace(save, written=made) for save in self.saves
            ]

    def _on_ack(self, event: Event) -> None:
        command, name = event.get("command"), words(event.get("id"))
        if command == STOP and len(self.acks) < _MOST_STAGES:
            self.acks.append(event)
        elif command == CHECKPOINT:
            seen = SaveAnswer(name, wall_time(event) or 0.0, whole(event.get("step")) or 0)
            self.saves = [*self.saves[1 - _MOST_SAVES :], seen]
        elif command in (REMARK, TAG) and len(self.said) < _MOST_SAID:
            self.said[name] = event

    def _on_signal(self, event: Event) -> None:
        if len(self.signals) < _MOST_SIGNALS:
            self.signals.append((self.attempt, event))

    def _on_note(self, event: Event) -> None:
        answered = event.get("command")
        if isinstance(answered, str):
            why = words(event.get("text"))
            self.saves = [replace(s, problem=why) if s.id == answered else s for s in self.saves]
        can_save = event.get("can_save")
        if isinstance(can_save, bool):
            self.can_save = can_save
        for raw, stored in table(event.get("renamed")).items():
            self._note(f"{raw} is stored as {stored}")
        if can_save is not True:
            self._note(words(event.get("text")))

    def _note(self, text: str) -> None:
        if text and len(self.notes) < _MOST_NOTES:
            self.notes[text] = None

    def _on_resume(self, event: Event) -> None:
        draft = self.attempts.setdefault(self.attempt or 1, AttemptDraft())
        draft.from_step = whole(event.get("step")) or 0
        self.step = draft.from_step
        self.epoch = self._or(event.get("epoch"), self.epoch)

    def _on_run_end(self, event: Event) -> None:
        number = whole(event.get("attempt")) or self.attempt or 1
        self.attempts.setdefault(number, AttemptDraft()).end = event
        self.step = self._or(event.get("step"), self.step)

    @staticmethod
    def _or(value: Any, otherwise: int | None) -> int | None:
        found = whole(value)
        return otherwise if found is None else found


_BEGINNINGS: Final = frozenset((schema.HEADER, schema.RUN_START, schema.RESUME))
_CLOCKS: Final = frozenset((schema.HEADER, schema.NOTE))
_AFTERTHOUGHTS: Final = frozenset((schema.SANITY,))
"""Kinds that tools append long after the training, which are no part of its time."""

_HANDLERS: Final[dict[str, Callable[[SourceFold, Event], None]]] = {
    schema.HEADER: SourceFold._on_header,
    schema.RUN_START: SourceFold._on_run_start,
    schema.ENV: SourceFold._on_env,
    schema.SEEDS: SourceFold._on_seeds,
    schema.DATA: SourceFold._on_data,
    schema.PHASE: SourceFold._on_phase,
    schema.CHECKPOINT: SourceFold._on_checkpoint,
    schema.ACK: SourceFold._on_ack,
    schema.SIGNAL: SourceFold._on_signal,
    schema.NOTE: SourceFold._on_note,
    schema.RESUME: SourceFold._on_resume,
    schema.RUN_END: SourceFold._on_run_end,
}
