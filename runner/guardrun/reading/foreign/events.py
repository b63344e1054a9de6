"""A foreign log as the lines of an events.jsonl, which every part of guard folds and judges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from guardrun.events.encode import encode, nonfinite_word
from guardrun.events.schema import (
    ENVELOPE,
    FOREIGN_SOURCE,
    HEADER,
    NOTE,
    RESUME,
    RUN_END,
    RUN_START,
    SCHEMA_VERSION,
)
from guardrun.reading.foreign.model import ForeignLog, ForeignRow

_LONGEST_NAME: Final = 200


class End(NamedTuple):
    """How a log ends that does not say it itself."""

    reason: str
    t: float
    """Unix seconds, for a log without times."""


def event_lines(
    log: ForeignLog, *, run_id: str | None = None, unproven: End | None = None
) -> Iterator[bytes]:
    """Lines of schema v1: header, run_start, notes, rows, and a run_end if the log proves one.

    Where the log's steps go back, its training was started again: a new attempt begins there, with a header
    and a resume of its own. Events have a ``t`` only where the log has times. With ``unproven`` a run_end is
    written in any case. Raises UserError when the file can no longer be read.
    """
    writer = EventWriter(log, run_id or log.name)
    yield from writer.beginning()
    for row in log.rows:
        yield from writer.row(row)
    yield from writer.ending(unproven)


class EventWriter:
    """The same piece by piece, for a log that is still written: what is known of it may grow."""

    def __init__(self, log: ForeignLog, run_id: str) -> None:
        self._log = log
        self._run_id = run_id
        self._attempt = 1
        self._seq = 0
        self._steps: dict[str, int] = {}
        """The newest step of each curve."""
        self._highest = 0
        self._epoch: int | None = None
        self._t: float | None = None
        self._last = 0

    def beginning(self) -> Iterator[bytes]:
        """What stands before the first row."""
        yield self._header()
        yield self._start()
        yield from self._remarks(self._log.notes, self._log.renamed)

    def learnt(self, log: ForeignLog) -> Iterator[bytes]:
        """More became known of the log: only what is new of it."""
        known, self._log = self._log, log
        if _basics(known) != _basics(log):
            yield self._start()
        notes = [note for note in log.notes if note not in known.notes]
        renamed = {raw: name for raw, name in log.renamed.items() if raw not in known.renamed}
        yield from self._remarks(notes, renamed)

    def _start(self) -> bytes:
        log = self._log
        totals: dict[str, Any] = {"total_steps": log.total_steps, "total_epochs": log.total_epochs}
        told = {"told": dict(log.told)} if log.told else {}
        known = {key: value for key, value in totals.items() if value}
        return self._line(
            RUN_START, attempt=self._attempt, monitor=log.monitor, mode=log.mode, source=str(log.source),
            format=log.format, train_loss=log.train_loss, **known, **told,
        )  # fmt: skip

    def _remarks(self, notes: Iterable[str], renamed: Mapping[str, str]) -> Iterator[bytes]:
        for note in notes:
            yield self._line(NOTE, text=note)
        shown = {raw[:_LONGEST_NAME]: name[:_LONGEST_NAME] for raw, name in sorted(renamed.items())}
        if shown:
            yield self._line(NOTE, renamed=shown)

    def row(self, row: ForeignRow) -> Iterator[bytes]:
        """One row; before it a new attempt, where the steps went back."""
        self._t = row.t if row.t is not None else self._t
        if self._went_back(row):
            self._attempt += 1
            self._steps.clear()
            self._highest = row.step
            yield self._header()
            yield self._line(
                RESUME, attempt=self._attempt, step=row.step, epoch=row.epoch, skip="none", exact=False
            )
        self._steps.update(dict.fromkeys(row.values, row.step))
        if row.epoch is not None:
            self._epoch = row.epoch
        self._last = row.step
        yield self._row_line(row)

    def ending(self, unproven: End | None = None) -> Iterator[bytes]:
        """The end, if the log proves one or ``unproven`` is given."""
        log = self._log
        over = log.total_steps is not None and self._last >= log.total_steps > 0
        if log.completed or over:
            reason = "completed"
        elif unproven is not None:
            reason = unproven.reason
        else:
            return
        if self._t is None and unproven is not None:
            self._t = unproven.t
        yield self._line(RUN_END, status="finished", reason=reason, step=self._last, attempt=self._attempt)

    def _went_back(self, row: ForeignRow) -> bool:
        """Whether a curve goes back: rows of different curves need not come in one order."""
        if row.step >= self._highest:
            self._highest = row.step
            return False
        steps = self._steps
        return any(steps.get(name, 0) > row.step for name in row.values)

    def _header(self) -> bytes:
        return self._line(
            HEADER, schema=SCHEMA_VERSION, writer="rank0", run_id=self._run_id, attempt=self._attempt, rank=0,
            source=FOREIGN_SOURCE, logs=str(self._log.source), format=self._log.format,
        )  # fmt: skip

    def _row_line(self, row: ForeignRow) -> bytes:
        event: dict[str, Any] = {"seq": self._seq, "kind": row.kind, "step": row.step}
        if row.t is not None:
            event["t"] = row.t
        if row.epoch is not None:
            event["epoch"] = row.epoch
        for name, value in row.values.items():
            if name not in ENVELOPE:
                # What is left of a finite number when it is taken from itself is 0, of any other NaN.
                event[name[:_LONGEST_NAME]] = value if value - value == 0.0 else nonfinite_word(value)
        self._seq += 1
        try:
            return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError:
            return encode(event)

    def _line(self, kind: str, **fields: Any) -> bytes:
        event: dict[str, Any] = {"seq": self._seq, "kind": kind}
        if self._t is not None:
            event["t"] = self._t
        self._seq += 1
        event.update((key, value) for key, value in fields.items() if value is not None)
        return encode(event)


def _basics(log: ForeignLog) -> tuple[Any, ...]:
    """What stands in run_start and may become known late."""
    return (
        log.monitor,
        log.mode,
        log.total_steps,
        log.total_epochs,
        log.train_loss,
        log.format,
        dict(log.told),
    )
