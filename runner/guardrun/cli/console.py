"""A training's console.log, passed on as it grows: as raw as is safe."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path
from typing import TextIO

from guardrun.cli.terminal import safe_console, wants_colour
from guardrun.events.untrusted import open_regular

_BATCH = 256 * 1024
_MAX_HELD = 4096
_COMPLETE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")


class ConsoleTail:
    """Writes what is new in a file to a stream.

    On a terminal, partial lines appear at once and carriage returns redraw them. Elsewhere (a pipe, a log)
    only whole lines are written, each as it stood when it ended: a progress bar is one line, not thousands.
    """

    def __init__(self, path: Path, stream: TextIO, *, offset: int = 0) -> None:
        self._path = path
        self._stream = stream
        self._offset = offset
        self._terminal = stream.isatty()
        self._colours = wants_colour(stream)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._column = 0

    def pump(self) -> bool:
        """Pass on at most one batch; whether there was anything. Raises BrokenPipeError."""
        data = self._read()
        if not data:
            return False
        self._write(self._decoder.decode(data))
        return True

    def finish(self) -> None:
        """Pass on the rest, an unfinished last line included."""
        while self.pump():
            pass
        rest, self._held = self._held + self._decoder.decode(b"", True), ""
        if rest:
            self._emit(rest if self._terminal else _as_seen(rest))
        self.end_line()

    def end_line(self) -> None:
        """Begin a new line if the last output did not end one."""
        if self._column:
            self._emit("\n")

    def _read(self) -> bytes:
        try:
            fd = open_regular(self._path)
        except OSError:
            return b""
        try:
            if os.fstat(fd).st_size < self._offset:
                self._offset = 0
            data = os.pread(fd, _BATCH, self._offset)
        except OSError:
            return b""
        finally:
            os.close(fd)
        self._offset += len(data)
        return data

    def _write(self, text: str) -> None:
        text = self._held + text
        if self._terminal:
            cut = _unfinished_sequence(text)
            self._held = text[cut:]
            self._emit(text[:cut])
            return
        *lines, rest = text.split("\n")
        # Of an unfinished line only what a terminal would still show has to be kept.
        self._held = rest if len(rest) < _MAX_HELD else _as_seen(rest)
        if len(self._held) > _BATCH:
            lines, self._held = [*lines, self._held], ""
        if lines:
            self._emit("".join(f"{_as_seen(line)}\n" for line in lines))

    def _emit(self, text: str) -> None:
        clean = safe_console(text, colours=self._colours)
        if not clean:
            return
        self._stream.write(clean)
        self._stream.flush()
        tail = clean.rpartition("\n")[2]
        self._column = len(tail) if "\n" in clean else self._column + len(tail)


def _as_seen(line: str) -> str:
    """What a line shows after its carriage returns; the last that is not empty."""
    parts = [part for part in line.split("\r") if part]
    return parts[-1] if parts else ""


def _unfinished_sequence(text: str) -> int:
    """Where an escape sequence begins that the text does not finish; its length when there is none."""
    start = text.rfind("\x1b")
    if start < 0 or len(text) - start > _MAX_HELD or _COMPLETE.match(text, start):
        return len(text)
    return start
