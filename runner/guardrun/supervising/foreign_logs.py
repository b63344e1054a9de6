"""A training without our library writes a log of its own (``logs: PATH``): its rows become our events.

The supervisor is then the only writer of events.jsonl, whose headers say ``source: logs``: nobody who reads
them may take the training for one that obeys commands.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from guardrun.events.decode import decode
from guardrun.events.paths import RunPaths
from guardrun.events.schema import EVAL, FOREIGN_SOURCE, HEADER, METRICS, NOTE, is_foreign
from guardrun.reading.foreign.detecting import KNOWN_LINES
from guardrun.reading.foreign.model import ForeignRow
from guardrun.reading.foreign.repeats import Repeats, row_of
from guardrun.reading.foreign.rows import ForeignRows
from guardrun.reading.plain_text import plain
from guardrun.reading.tailer import Tailer
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.log_places import LogPlaces, shown

_BATCH: Final = 256 * 1024
"""Bytes that one poll translates: some tens of milliseconds."""
_LOOK_S: Final = 1.0
"""Between two looks for a newer file."""
_MISSED_AFTER_S: Final = 60.0
"""After so long without a file it is said that there is none."""


def foreign_logs_of(
    launch: Mapping[str, Any], paths: RunPaths, attempt: int, log: EventLog, *, attached: bool
) -> ForeignLogs | None:
    """What the attempt's ``logs`` asks for; None when it asks for nothing."""
    spec = (launch.get("config") or {}).get("logs")
    if not isinstance(spec, str) or not spec.strip():
        return None
    places = LogPlaces(spec.strip(), str(launch.get("workdir") or "."))
    return ForeignLogs(places, paths, attempt, log, attached=attached)


class ForeignLogs:
    """Tails the newest matching file and writes its rows into events.jsonl, each once.

    Rows that were in the file before the training began are passed over. ``log`` takes the remarks.
    """

    def __init__(
        self, places: LogPlaces, paths: RunPaths, attempt: int, log: EventLog, *, attached: bool
    ) -> None:
        self.caught_up = True
        """Whether the last poll read all there was."""
        self._places = places
        self._paths = paths
        self._attempt = attempt
        self._log = log
        self._attached = attached
        self._over = False
        self._file: _File | None = None
        self._seen: set[str] = set()
        self._said: set[str] = set()
        self._looked = float("-inf")
        self._began = time.monotonic()

    def remember_the_past(self) -> None:
        """To be called before the training starts; an attached supervisor reads what it finds."""
        if not self._attached:
            self._places.remember()

    def poll(self, *, library: bool) -> bool:
        """Translate what is new, in bounds; whether anything was written.

        Gives up for good when the training writes events of its own (``library``).
        """
        if self._over:
            return False
        if library:
            self._over = self.caught_up = True
            self._say("the training writes its events itself; logs is not read")
            return False
        self._look_for_files()
        if self._file is None:
            return False
        written = self._file.poll()
        self.caught_up = not self._file.more
        if self._file.rows.problem:
            self._say_unknown(self._file)
        if self._file.remark:
            self._say(self._file.remark)
        return written

    def look_again(self) -> None:
        """Have the next poll look for newer files, whenever it last did."""
        self._looked = float("-inf")

    def finish(self) -> None:
        """The training is over: say what could not be read."""
        if self._over:
            return
        self._over = True
        file = self._file
        if file is None:
            self._say(
                f"logs: the training wrote no file {plain(self._places.spec)}; there are no curves of it"
            )
            return
        if file.rows.describe():
            self._say_unknown(file)
        elif not file.told:
            self._say(f"logs: {file.name} holds no rows of this training")
        if file.rows.bad_lines:
            self._say(f"logs: {file.rows.bad_lines} lines of {file.name} are not {file.rows.format}")

    def _look_for_files(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_S or not self.caught_up:
            return
        self._looked = now
        found = self._places.changed_files()
        if not found and self._file is None and now - self._began > _MISSED_AFTER_S:
            self._say(f"logs: there is no {plain(self._places.spec)} yet; its curves come when it does")
        if found and found[0] not in self._seen:
            self._adopt(found)

    def _adopt(self, found: list[str]) -> None:
        """Read this file from now on. Others that are there are no newer logs later on, however they grow."""
        path = found[0]
        name = plain(shown(path, self._places.workdir))
        known = _told_of(self._paths, self._attempt, path) if self._attached and not self._seen else None
        others = len(set(found) - self._seen) - 1
        self._seen.update(found)
        also = f"; it is the newest of {others + 1} files" if others else ""
        self._say(f"logs: reading {name}{also}")
        self._file = _File(self._paths, self._attempt, path, name, known, self._places.old_bytes(path))

    def _say_unknown(self, file: _File) -> None:
        self._say(
            f"logs: {file.name} is in no format that guard reads: it holds {file.rows.describe()}; "
            f"known are {KNOWN_LINES}"
        )

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._log.write(NOTE, text=text)


class _File:
    """One foreign log, tailed and translated."""

    def __init__(
        self, paths: RunPaths, attempt: int, path: str, name: str, known: Repeats | None, old_bytes: int
    ) -> None:
        self.name = name
        self.rows = ForeignRows()
        self.told = known is not None
        """Whether this attempt has rows of it among its events."""
        self.remark = ""
        self.more = True
        self._paths = paths
        self._attempt = attempt
        self._path = path
        self._tailer = Tailer(path)
        self._repeats = known or Repeats()
        self._old_bytes = old_bytes
        self._out: EventLog | None = None
        self._names: set[str] = set()

    def poll(self) -> bool:
        """Translate the next lines; whether events were written."""
        tailer = self._tailer
        if not (self.more or tailer.changed()):
            return False
        old = self._old_bytes - tailer.offset
        chunk = tailer.read(min(_BATCH, old) if old > 0 else _BATCH)
        self.more = chunk.more
        if chunk.restarted:
            old = 0
            self._restart()
        self.rows.bad_lines += chunk.skipped
        if tailer.problem:
            self.remark = f"logs: {self.name} cannot be read: it {tailer.problem}"
        written = False
        for row in self.rows.read(chunk.lines):
            if old > 0:
                self._repeats.pass_over(row)
            elif self._repeats.is_new(row):
                self._write(row)
                written = True
        return written

    def _restart(self) -> None:
        self.remark = (
            f"logs: {self.name} was {self._tailer.replaced}: it is read from its start, and rows that are "
            "known are not repeated"
        )
        self.rows = ForeignRows()
        self._old_bytes = 0
        if self.told:
            self._repeats.from_start()
        else:
            # Whatever was passed over: this training has begun the file anew.
            self._repeats = Repeats()

    def _write(self, row: ForeignRow) -> None:
        if self._out is None or self._repeats.diverged:
            self._begin(self._repeats.place - 1)
        assert self._out is not None
        for raw in sorted(self.rows.renamed.keys() - self._names):
            self._names.add(raw)
            stored = self.rows.renamed[raw]
            self._out.write(NOTE, text=f"{raw} is stored as {stored}", renamed={raw: stored})
        self._out.write(row.kind, step=row.step, epoch=row.epoch, **row.values)
        self.told = True

    def _begin(self, passed_over: int) -> None:
        """A stretch of events with a header of its own, which says how far into the log it begins.

        It names no process: the training's is not known by it, and the supervisor is not the training.
        """
        if self._out is not None:
            self._out.close()
        self._out = EventLog(
            self._paths.events(), writer="rank0", run_id=self._paths.root.name, attempt=self._attempt,
            rank=0, pid=None, pid_start=None, source=FOREIGN_SOURCE, logs=self._path, passed_over=passed_over,
        )  # fmt: skip


def _told_of(paths: RunPaths, attempt: int, path: str) -> Repeats | None:
    """What a former supervisor of this attempt told of that file; None when it told nothing."""
    tailer, more = Tailer(paths.events()), True
    passed_over, rows, ours = 0, list[ForeignRow](), False
    while more:
        chunk = tailer.read()
        more = chunk.more
        for event in filter(None, map(decode, chunk.lines.splitlines())):
            if event["kind"] == HEADER:
                ours = event.get("attempt") == attempt and is_foreign(event) and event.get("logs") == path
                told = event.get("passed_over")
                passed_over, rows = told if isinstance(told, int) and told > 0 else 0, []
            elif ours and event["kind"] in (METRICS, EVAL):
                rows.append(row_of(event))
    return Repeats(passed_over, rows) if rows else None
