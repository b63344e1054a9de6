"""The bytes of a foreign file: opened so that nothing can hang, read in bounded pieces, as UTF-8 lines."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from guardrun.errors import UserError
from guardrun.reading.foreign.model import SourceFile

_BLOCK: Final = 1024 * 1024
LONGEST_LINE: Final = 8 * 1024 * 1024
"""A longer line is no row of a log: it is skipped and counted."""
_HEAD: Final = 64 * 1024
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_FEW_TO_TELL: Final = 16


class ForeignFile:
    """One regular file. Raises UserError, which names the file, when it can't be opened or read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0
        """Lines left out because they were too long, in the last walk."""
        with self.open() as file:
            facts = os.fstat(file.fileno())
            self.size = facts.st_size
            self.as_read = SourceFile(path, facts.st_size, facts.st_mtime_ns)
            self.head = file.read(_HEAD)
        self.encoding = _encoding_of(self.head)

    def text_head(self, size: int = 0) -> str:
        """The file's beginning as text: of the first ``size`` bytes, or of those that were read anyway."""
        head = self.head
        if size > len(head):
            with self.open() as file:
                head = file.read(size)
        return codecs.getincrementaldecoder(self.encoding or "utf-8")("replace").decode(head).lstrip("\ufeff")

    def whole(self) -> str:
        """All of it as text. The caller has looked at ``size``."""
        with self.open() as file:
            data = file.read(self.size)
        return data.decode(self.encoding or "utf-8", "replace").lstrip("\ufeff")

    def blocks(self) -> Iterator[bytes]:
        """Whole lines in UTF-8, some thousands at once; the last one need not have an end."""
        self.skipped = 0
        rest = b""
        skipping = False
        for piece in self._pieces():
            cut = piece.rfind(b"\n") + 1
            if skipping:
                first = piece.find(b"\n") + 1
                if not first:
                    continue
                piece, cut, skipping = piece[first:], cut - first, False
            if cut:
                yield rest + piece[:cut]
                rest = piece[cut:]
            else:
                rest += piece
                if len(rest) > LONGEST_LINE:
                    rest, skipping = b"", True
                    self.skipped += 1
        if rest:
            yield rest

    def _pieces(self) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self.encoding)("replace") if self.encoding else None
        with self.open() as file:
            left = self.size
            while left > 0:
                data = file.read(min(_BLOCK, left))
                if not data:
                    break
                left -= len(data)
                yield data if decoder is None else decoder.decode(data, left <= 0).encode("utf-8", "replace")

    def open(self) -> _Opened:
        """A descriptor of it, for a ``with`` statement."""
        try:
            descriptor = os.open(self.path, _FLAGS)
        except OSError as error:
            absent = isinstance(error, FileNotFoundError) and not os.path.islink(self.path)
            reason = f"cannot be read: {error.strerror or error}"
            raise UserError(f"no such file: {self.path}" if absent else f"{self.path} {reason}") from error
        return _Opened(self.path, descriptor)


class _Opened:
    """A descriptor of a regular file; a device, a pipe or a folder is refused."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def __enter__(self) -> _Opened:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.close(self._descriptor)
            raise UserError(f"{self._path} is not a regular file")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def skip(self, size: int) -> int:
        """Pass over so many bytes."""
        os.lseek(self._descriptor, size, os.SEEK_CUR)
        return size

    def read(self, size: int) -> bytes:
        pieces = []
        try:
            while size > 0:
                piece = os.read(self._descriptor, min(size, 16 * _BLOCK))
                if not piece:
                    break
                pieces.append(piece)
                size -= len(piece)
        except OSError as error:
            raise UserError(f"{self._path} cannot be read: {error.strerror or error}") from error
        return b"".join(pieces)


def _encoding_of(head: bytes) -> str | None:
    """The encoding when it is not UTF-8 (or something near it): by its mark, or by where its NULs are."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[:4096]
    if len(sample) >= _FEW_TO_TELL and sample.count(0) * 3 > len(sample):
        half = len(sample) // 2
        if sample[1::2].count(0) > 0.9 * half and sample[::2].count(0) < 0.1 * half:
            return "utf-16-le"
        if sample[::2].count(0) > 0.9 * half and sample[1::2].count(0) < 0.1 * half:
            return "utf-16-be"
    return None
