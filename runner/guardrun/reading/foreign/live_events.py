"""TensorBoard's event files of one run while they are written: only whole records that are new are read."""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from guardrun.errors import UserError
from guardrun.reading.foreign.knowing import log_of
from guardrun.reading.foreign.live import Piece, add_evaluated
from guardrun.reading.foreign.model import Facts, ForeignLog, ForeignRow, SourceFile
from guardrun.reading.foreign.table import Table
from guardrun.reading.foreign.tensorboard import (
    LARGEST_SCALAR,
    RECORD_FOOTER,
    RECORD_HEADER,
    Scalars,
    event_type,
    rows_of,
    table_of,
    together,
)

FORMAT: Final = "TensorBoard event files"
_BYTES: Final = 128 * 1024
_POINTS: Final = 400
"""Groups of values handed out at once."""
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class LiveEvents:
    """Several files, each with its side; new ones may come. What is there at first comes in order of time."""

    def __init__(self, place: Path, files: Sequence[tuple[Path, str]]) -> None:
        self.problem = ""
        self.bad_lines = 0
        self._place = place
        self._begin(files)

    def _begin(self, files: Iterable[tuple[Path, str]]) -> None:
        self._files = {path: (RecordTail(path), side) for path, side in files}
        self._facts = Facts()
        self._table: Table = table_of(self._facts)
        self._evaluated: set[str] = set()
        self._round: Iterator[Scalars] | None = None
        self._again = False

    def changed(self) -> bool:
        return self._round is not None or any(tail.changed() for tail, _ in self._files.values())

    def read(self) -> Piece:
        if self._round is None:
            if any(tail.is_another() for tail, _ in self._files.values()):
                self._begin([(path, side) for path, (_, side) in self._files.items()])
                self._again = True
            kind = self._kind()
            if kind is None:
                return Piece()
            tails = list(self._files.values())
            parts = [together(tail.records(), side, kind) for tail, side in tails if tail.changed()]
            self._round = heapq.merge(*parts, key=lambda found: found[0])
        found = list(islice(self._round, _POINTS))
        rows: list[ForeignRow] = []
        for each in found:
            rows += rows_of(each, self._table)
        add_evaluated(self._evaluated, rows)
        if len(found) < _POINTS:
            self._round = None
        restarted, self._again = self._again, False
        return Piece(rows, restarted, self._round is not None, bool(found))

    def _kind(self) -> Any:
        """What decodes a record; None, and a problem, where that is not installed."""
        try:
            return event_type()
        except UserError as error:
            self.problem = f"{error.message}: {error.hint}"
            for tail, _ in self._files.values():
                tail.give_up()
            return None

    def known(self) -> ForeignLog:
        files = tuple(tail.as_read for tail, _ in self._files.values() if tail.as_read is not None)
        return log_of(self._facts, self._place, FORMAT, self._evaluated, files=files)

    def adopt(self, files: Sequence[tuple[Path, str]]) -> bool:
        """New files are read on; a file that changed sides, or that is gone, begins the log anew."""
        if any(path in self._files and self._files[path][1] != side for path, side in files):
            return False
        for path, side in files:
            self._files.setdefault(path, (RecordTail(path), side))
        for gone in self._files.keys() - {path for path, _ in files}:
            del self._files[gone]  # its points were logged, and stay
        return True

    def newest(self) -> Path:
        return max(self._files, key=_changed_ns, default=self._place)


class RecordTail:
    """One event file: the records that are whole, each once, up to those too large for scalars."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.as_read: SourceFile | None = None
        """The file as it was when it was read last."""
        self._offset = 0
        self._inode: tuple[int, int] | None = None
        self._seen = -1

    def changed(self) -> bool:
        """Whether there may be more: one stat."""
        facts = self._stat()
        return facts is not None and (
            facts.st_size != self._seen or (facts.st_dev, facts.st_ino) != self._inode
        )

    def is_another(self) -> bool:
        """Whether what was read is not in this file any more."""
        facts = self._stat()
        if facts is None or self._inode is None:
            return False
        return (facts.st_dev, facts.st_ino) != self._inode or facts.st_size < self._offset

    def give_up(self) -> None:
        """Take the file as it is for read."""
        facts = self._stat()
        if facts is not None:
            self._seen, self._inode = facts.st_size, (facts.st_dev, facts.st_ino)

    def records(self) -> Iterator[bytes]:
        """The whole records that were not handed out yet, as far as the file reaches now."""
        facts = self._stat()
        if facts is None:
            return
        self._seen, self._inode = facts.st_size, (facts.st_dev, facts.st_ino)
        self.as_read = SourceFile(self.path, facts.st_size, facts.st_mtime_ns)
        while self._offset < facts.st_size:
            data = self._bytes(min(_BYTES, facts.st_size - self._offset))
            used = 0
            for record, end in _whole(data):
                # Before it is handed out: whoever asks later goes on behind it.
                self._offset += end - used
                used = end
                yield record
            if not used and not self._skip(data, facts.st_size):
                return

    def _skip(self, data: bytes, size: int) -> bool:
        """Pass over a record that is too large for scalars, when it is whole; whether there was one."""
        if len(data) < RECORD_HEADER.size:
            return False
        length, _ = RECORD_HEADER.unpack_from(data)
        end = RECORD_HEADER.size + length + RECORD_FOOTER
        if length <= LARGEST_SCALAR or self._offset + end > size:
            return False
        self._offset += end
        return True

    def _stat(self) -> os.stat_result | None:
        try:
            facts = os.stat(self.path)
        except OSError:
            return None
        return facts if stat.S_ISREG(facts.st_mode) else None

    def _bytes(self, size: int) -> bytes:
        try:
            descriptor = os.open(self.path, _FLAGS)
        except OSError:
            return b""
        try:
            return os.pread(descriptor, size, self._offset)
        except OSError:
            return b""
        finally:
            os.close(descriptor)


def _whole(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Small whole records at the start of these bytes, each with its end; up to the first other one."""
    at = 0
    while len(data) - at >= RECORD_HEADER.size:
        length, _ = RECORD_HEADER.unpack_from(data, at)
        end = at + RECORD_HEADER.size + length + RECORD_FOOTER
        if length > LARGEST_SCALAR or end > len(data):
            return
        yield data[at + RECORD_HEADER.size : end - RECORD_FOOTER], end
        at = end


def _changed_ns(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
