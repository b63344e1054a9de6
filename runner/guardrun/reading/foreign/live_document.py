"""A foreign log that is one document, written anew as a whole: read again at most as often as it is cheap."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from guardrun.errors import UserError
from guardrun.reading.foreign.files import read_file
from guardrun.reading.foreign.live import Piece
from guardrun.reading.foreign.model import ForeignLog, ForeignRow
from guardrun.reading.foreign.opening import ForeignFile

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of a document that is watched: it is read whole, in one go."""
_SHARE: Final = 0.05
"""Of a core, at most, for reading a document again and again."""
_LEAST_S: Final = 0.5
"""Between two readings in any case."""
_ROWS: Final = 2000
"""Handed out at once."""


class LiveDocument:
    """Every change makes it another log, of which the former is usually the beginning.

    While it is being written it is no document; then what was read last stands.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self.bad_lines = 0
        self._path = path
        self._mark: tuple[int, ...] | None = None
        self._not_before = float("-inf")
        self._log = ForeignLog(path.stem, path, "", ())
        self._rows: Iterator[ForeignRow] | None = None
        self._first = True

    def changed(self) -> bool:
        if self._rows is not None:
            return True
        if time.monotonic() < self._not_before:
            return False
        mark = _mark(self._path)
        return mark is not None and mark != self._mark

    def read(self) -> Piece:
        restarted = self._rows is None
        if self._rows is None:
            begun = time.monotonic()
            self._rows = self._read_anew()
            took = time.monotonic() - begun
            self._not_before = begun + max(_LEAST_S, took / _SHARE)
            if self._rows is None:
                return Piece()
        rows = list(islice(self._rows, _ROWS))
        more = len(rows) == _ROWS
        if not more:
            self._rows = None
        first, self._first = self._first, False
        return Piece(rows, restarted and not first, more)

    def _read_anew(self) -> Iterator[ForeignRow] | None:
        """Its rows; None when it cannot be read now."""
        self._mark = _mark(self._path)
        try:
            if self._mark is not None and self._mark[1] > LARGEST:
                raise UserError(
                    f"{self._path.name} is larger than the {LARGEST / 2**20:.0f} MiB of a document that is "
                    "watched: `guard import` reads it"
                )
            log = read_file(ForeignFile(self._path), None)
        except UserError as error:
            self.problem = error.message
            return None
        self.problem = ""
        self._log = replace(log, rows=())
        return iter(log.rows)

    def known(self) -> ForeignLog:
        return self._log

    def adopt(self, files: Sequence[tuple[Path, str]]) -> bool:
        """A Trainer's newest state may lie in another folder each time."""
        if len(files) != 1:
            return False
        if files[0][0] != self._path:
            self._path = files[0][0]
            self._mark, self._rows = None, None
        return True

    def newest(self) -> Path:
        return self._path


def _mark(path: Path) -> tuple[int, ...] | None:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
