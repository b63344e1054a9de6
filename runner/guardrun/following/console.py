"""The end of a training's own output, for people."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from guardrun.reading.plain_text import plain

_BYTES_A_LINE: Final = 512
_MOST_BYTES: Final = 1024 * 1024
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def console_tail(path: Path, lines: int) -> list[str]:
    """The last ``lines`` lines as plain text, oldest first; [] when there is no such file.

    Reads at most some 512 bytes a line from the end, whatever the file's size. A progress bar that redraws
    itself with carriage returns is one line: what it showed last.
    """
    if lines <= 0:
        return []
    raw = _end_of(path, min(_MOST_BYTES, max(4096, lines * _BYTES_A_LINE)))
    shown = [folded(line) for line in raw.decode("utf-8", "replace").split("\n")]
    if shown and not shown[-1]:
        shown.pop()
    return shown[-lines:]


def folded(line: str) -> str:
    """What a terminal would show of a line after its carriage returns, without colours.

    >>> folded("10 %\\r 50 %\\r100 %\\r")
    '100 %'
    """
    parts = [plain(part) for part in line.split("\r")]
    return next((part for part in reversed(parts) if part.strip()), "").rstrip()


def _end_of(path: Path, size: int) -> bytes:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return b""
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return b""
        start = max(0, facts.st_size - size)
        raw = os.pread(descriptor, size, start)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    # The first line is cut somewhere, unless it is the file's first.
    return raw if start == 0 else raw.partition(b"\n")[2] or raw
