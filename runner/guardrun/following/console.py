"""The training's own output, for people: its end, what is added to it, and earlier parts on demand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardrun.events.untrusted import open_regular
from guardrun.reading.plain_text import plain

_BYTES_A_LINE: Final = 512
_BLOCK: Final = 1024 * 1024
"""The most that is read at once, whatever the file's size."""
_EARLIER: Final = 256 * 1024
"""The same of a part before what is held."""
_LONGEST: Final = 64 * 1024
"""Bytes of one line that are kept: its end, which is what a progress bar shows."""


@dataclass(frozen=True, slots=True, eq=False)
class ConsoleText:
    """Lines of the output, oldest first, as plain text."""

    lines: tuple[str, ...] = ()
    first: int = 0
    """The number of the first line. A line keeps its number while lines are added before and after it."""
    complete: bool = True
    """Whether the first line is the file's first."""


class ConsoleWindow:
    """The last lines of a growing file. A read costs what was added since the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forget()

    def _forget(self, first: int = 0) -> None:
        self._inode = -1
        self._start = self._end = 0
        """Bytes of the file between which lines are held."""
        self._lines: list[str] = []
        self._sizes: list[int] = []
        self._rest = b""
        """Of a last line without newline: its end."""
        self._cut = 0
        """Bytes of that line that were dropped."""
        self._first = first
        self._text = ConsoleText()

    def read(self, lines: int) -> ConsoleText:
        """At least the last ``lines`` lines as far as they are there, sooner or later: each call reads a
        bounded part. The same object while nothing changed; empty when there is no such file."""
        try:
            descriptor = open_regular(self._path)
        except OSError:
            self._forget()
            return self._text
        try:
            changed = self._take(descriptor, os.fstat(descriptor), max(1, lines))
        except OSError:
            changed = False
        finally:
            os.close(descriptor)
        if changed:
            last = (folded(self._rest.decode("utf-8", "replace")),) if self._rest else ()
            self._text = ConsoleText((*self._lines, *last), self._first, self._start == 0)
        return self._text

    def _take(self, descriptor: int, facts: os.stat_result, wanted: int) -> bool:
        size = facts.st_size
        if facts.st_ino != self._inode or size < self._end or size - self._end > 4 * _BLOCK:
            replaced = facts.st_ino != self._inode or size < self._end
            self._forget(0 if replaced else self._first + len(self._lines) + 1)
            self._begin(descriptor, facts.st_ino, size, wanted)
            return True
        changed = False
        while self._end < size and (raw := os.pread(descriptor, _BLOCK, self._end)):
            self._append(raw)
            changed = True
        if len(self._lines) < wanted and self._start > 0:
            self._prepend(descriptor)
            changed = True
        if len(self._lines) > 2 * wanted + 1000:
            self._drop(len(self._lines) - wanted)
            changed = True
        return changed

    def _begin(self, descriptor: int, inode: int, size: int, wanted: int) -> None:
        """The end of the file; its first line, which is cut somewhere, is left out."""
        start = max(0, size - min(_BLOCK, max(4096, wanted * _BYTES_A_LINE)))
        raw = os.pread(descriptor, size - start, start)
        if start > 0 and b"\n" in raw:
            cut = raw.index(b"\n") + 1
            start, raw = start + cut, raw[cut:]
        self._inode, self._start, self._end = inode, start, start
        self._append(raw)

    def _append(self, raw: bytes) -> None:
        self._end += len(raw)
        *whole, rest = (self._rest + raw).split(b"\n")
        for number, line in enumerate(whole):
            self._lines.append(_shown(line))
            self._sizes.append(len(line) + 1 + (self._cut if number == 0 else 0))
        if whole:
            self._cut = 0
        self._cut += max(0, len(rest) - _LONGEST)
        self._rest = rest[-_LONGEST:]

    def _prepend(self, descriptor: int) -> None:
        """One part of the file before what is held."""
        start = max(0, self._start - _EARLIER)
        raw = os.pread(descriptor, self._start - start, start)
        if start > 0 and b"\n" in raw[:-1]:
            cut = raw.index(b"\n") + 1
            start, raw = start + cut, raw[cut:]
        parts = raw.removesuffix(b"\n").split(b"\n")
        self._lines[:0] = [_shown(part) for part in parts]
        self._sizes[:0] = [len(part) + 1 for part in parts]
        self._start, self._first = start, self._first - len(parts)

    def _drop(self, count: int) -> None:
        self._start += sum(self._sizes[:count])
        self._first += count
        del self._lines[:count], self._sizes[:count]


def _shown(raw: bytes) -> str:
    return folded(raw[-_LONGEST:].decode("utf-8", "replace"))


def folded(line: str) -> str:
    """What a terminal would show of a line after its carriage returns, without colours.

    >>> folded("10 %\\r 50 %\\r100 %\\r")
    '100 %'
    """
    shown = (plain(part) for part in reversed(line.split("\r")))
    return next((part for part in shown if part.strip()), "").rstrip()
