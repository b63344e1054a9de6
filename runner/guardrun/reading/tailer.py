"""Whole lines from a file that somebody else is still writing."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BATCH: Final = 4 * 1024 * 1024
"""Bytes read at once; bounds memory and time."""
MAX_LINE: Final = 64 * 1024 * 1024
"""A longer line is garbage: it is skipped and counted."""
_MEMORY: Final = 64
"""Bytes before the offset that are remembered, to notice a file that was rewritten in place."""
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one read found."""

    data: bytes = b""
    """What was read; beyond ``end`` lies the start of a line that is not complete yet."""
    end: int = 0
    """Where the whole lines end in ``data``; 0 when nothing new is complete."""
    restarted: bool = False
    """The file was replaced, truncated or rewritten: these lines are its first, forget the earlier ones."""
    more: bool = False
    """There is more to read at once."""
    skipped: int = 0
    """Lines left out because they were too long."""

    @property
    def lines(self) -> bytes:
        """Whole lines, each with its newline."""
        return self.data[: self.end]


_NOTHING: Final = Chunk()


class Tailer:
    """Follows one regular file by path. Holds no descriptor between reads, so a thousand runs cost none.

    A last line without newline means "not yet". A missing file is an empty one. A changed inode, a size
    below the offset, or other bytes before the offset than those read mean a new file: it is read from its
    start and says ``restarted``. Links, devices and directories are never opened; ``problem`` says so.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.offset = 0
        """Bytes consumed: always just after a newline."""
        self.inode: tuple[int, int] | None = None
        self.problem = ""
        """Why the file cannot be read; "" when it can, or when it is not there."""
        self.replaced = ""
        """How the file was last found to be another one; "" when it never was."""
        self._memory = b""
        self._size = -1
        self.more = False
        """Whether the last read stopped before the end of what was there."""
        self._skipping = False

    def changed(self) -> bool:
        """Whether a read may find something: one stat at most."""
        if self.more:
            return True
        try:
            facts = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return facts.st_size != self._size or (facts.st_dev, facts.st_ino) != self.inode

    def read(self, max_bytes: int = BATCH) -> Chunk:
        """The next whole lines, at most about ``max_bytes`` (a longer single line comes whole)."""
        self.more = False
        try:
            descriptor = os.open(self.path, _FLAGS)
        except FileNotFoundError:
            self.problem = ""
            return _NOTHING
        except OSError as error:
            self.problem = "is a link" if os.path.islink(self.path) else error.strerror or str(error)
            return _NOTHING
        try:
            return self._read(descriptor, max(max_bytes, 1))
        except OSError as error:
            self.problem = error.strerror or str(error)
            return _NOTHING
        finally:
            os.close(descriptor)

    def resume_at(self, offset: int, inode: tuple[int, int], memory: bytes) -> None:
        """Go on where an earlier reader stopped (``offset``, ``inode`` and ``memory`` are its own)."""
        self.offset, self.inode, self._memory = offset, inode, memory

    @property
    def memory(self) -> bytes:
        """The last bytes before the offset, as they were read."""
        return self._memory

    def _read(self, descriptor: int, max_bytes: int) -> Chunk:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            self.problem = "is not a regular file"
            return _NOTHING
        self.problem = ""
        restarted = self._restart_if_another(descriptor, facts)
        started_at = self.offset
        self._size = facts.st_size
        data = os.pread(descriptor, max_bytes, self.offset)
        skipped = 0
        end = data.rfind(b"\n") + 1
        if not end and len(data) == max_bytes:
            data, skipped = self._long_line(descriptor, data)
            end = data.rfind(b"\n") + 1
        examined = self.offset + len(data)
        if self._skipping and end:
            # The rest of a line that was too long, up to its newline.
            first = data.index(b"\n") + 1
            self._advance(data, first)
            self._skipping = False
            data, end = data[first:], end - first
        self._advance(data, end)
        self.more = started_at < self.offset and examined < facts.st_size
        return Chunk(data, end, restarted, self.more, skipped)

    def _restart_if_another(self, descriptor: int, facts: os.stat_result) -> bool:
        inode = (facts.st_dev, facts.st_ino)
        why = ""
        if self.inode is not None and inode != self.inode:
            why = "replaced"
        elif facts.st_size < self.offset:
            why = "truncated"
        elif self._memory:
            before = os.pread(descriptor, len(self._memory), self.offset - len(self._memory))
            if before != self._memory:
                why = "rewritten"
        self.inode = inode
        if not why:
            return False
        known = self.offset > 0 or self._skipping
        self.offset, self._memory, self._skipping = 0, b"", False
        if known:
            self.replaced = why
        return known

    def _long_line(self, descriptor: int, data: bytes) -> tuple[bytes, int]:
        """Read on to the newline of a line longer than a batch; skip it when it is beyond all measure."""
        pieces = [data]
        length = len(data)
        while length < MAX_LINE:
            piece = os.pread(descriptor, BATCH, self.offset + length)
            cut = piece.find(b"\n") + 1
            pieces.append(piece[:cut] if cut else piece)
            length += len(pieces[-1])
            if cut or not piece:
                return b"".join(pieces), 0
        self._advance(b"".join(pieces), length)
        started = not self._skipping
        self._skipping = True
        return b"", int(started)

    def _advance(self, data: bytes, end: int) -> None:
        self.offset += end
        self._memory = (self._memory + data[max(0, end - _MEMORY) : end])[-_MEMORY:]
