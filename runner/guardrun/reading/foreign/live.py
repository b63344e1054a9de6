"""A foreign log that is still written: what is new in it, in bounded pieces."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from guardrun.reading.foreign.knowing import log_of
from guardrun.reading.foreign.model import ForeignLog, ForeignRow, SourceFile
from guardrun.reading.foreign.rows import ForeignRows
from guardrun.reading.tailer import Tailer

_BYTES: Final = 96 * 1024
"""Read at once: some milliseconds of Python."""
_OVER_S: Final = 3600.0
"""After so long without a write a last line without an end counts as whole: nobody will end it."""
_LONGEST_REST: Final = 64 * 1024


class Piece(NamedTuple):
    """What one read found."""

    rows: Sequence[ForeignRow] = ()
    restarted: bool = False
    """These are the log's first rows: the earlier ones are void."""
    more: bool = False
    """There is more to read at once."""
    grew: bool = False
    """Something was added to the log, rows or not."""


class LiveLog(Protocol):
    """One foreign log. Nothing raises because of what its files hold, or because they vanish."""

    @property
    def problem(self) -> str:
        """Why it cannot be read; "" when it can."""

    @property
    def bad_lines(self) -> int:
        """Lines that do not fit the format."""

    def changed(self) -> bool:
        """Whether a read may find something: a stat a file at most."""

    def read(self) -> Piece:
        """The next piece."""

    def known(self) -> ForeignLog:
        """What is known of the log by now, without its rows."""

    def adopt(self, files: Sequence[tuple[Path, str]]) -> bool:
        """The log now consists of these files; False when that takes another reader."""

    def newest(self) -> Path:
        """The file that was written last."""


class LiveLines:
    """Lines that are added at the end: CSV, JSON lines, text."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin()

    def _begin(self) -> None:
        self._tailer = Tailer(self._path)
        self._forget()

    def _forget(self) -> None:
        self._rows = ForeignRows()
        self._evaluated: set[str] = set()
        self._skipped = 0
        self._rest_taken = False

    @property
    def problem(self) -> str:
        return self._tailer.problem

    @property
    def bad_lines(self) -> int:
        return self._rows.bad_lines + self._skipped

    def changed(self) -> bool:
        return self._tailer.changed()

    def read(self) -> Piece:
        again = self._rest_taken
        if again:
            # What was taken for a whole line was none, or the log was continued behind it.
            self._begin()
        chunk = self._tailer.read(_BYTES)
        if chunk.restarted:
            self._forget()
        self._skipped += chunk.skipped
        rows = self._rows.read(chunk.lines)
        if not chunk.more:
            rows += self._rest(chunk.data[chunk.end :])
        add_evaluated(self._evaluated, rows)
        return Piece(rows, chunk.restarted or again, chunk.more, chunk.end > 0)

    def _rest(self, rest: bytes) -> list[ForeignRow]:
        """A last line without an end, in a log that nobody writes any more."""
        if not rest or len(rest) > _LONGEST_REST or time.time() - _changed_s(self._path) < _OVER_S:
            return []
        self._rest_taken = True
        return self._rows.read(rest)

    def known(self) -> ForeignLog:
        form = self._rows.format
        return log_of(self._rows.facts, self._path, form, self._evaluated, files=_as_it_is(self._path))

    def adopt(self, files: Sequence[tuple[Path, str]]) -> bool:
        return [path for path, _ in files] == [self._path]

    def newest(self) -> Path:
        return self._path


def _changed_s(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return float("inf")


def _as_it_is(path: Path) -> tuple[SourceFile, ...]:
    try:
        facts = os.stat(path)
    except OSError:
        return ()
    return (SourceFile(path, facts.st_size, facts.st_mtime_ns),)


def add_evaluated(names: set[str], rows: Iterable[ForeignRow]) -> None:
    """Take the stored names of what was measured in evaluation mode."""
    for row in rows:
        if row.kind == "eval" and not names >= row.values.keys():
            names.update(row.values)
