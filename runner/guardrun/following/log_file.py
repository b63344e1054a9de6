"""One event file of a run: tailed, decoded, and remembered in the user's cache when it is large."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from guardrun.reading.columns import Batch, ColumnReader
from guardrun.reading.tailer import Tailer

_BYTES_AT_ONCE: Final = 2 * 1024 * 1024
"""Some ten milliseconds of decoding: a slice of a poll."""


class LogFile:
    """Batches of one file, in order."""

    def __init__(self, path: Path) -> None:
        self.tailer = Tailer(path)
        self.notes: list[str] = []
        self.skipped = 0
        """Lines that were too long to be events."""
        self.restarted = False
        """Whether the last read found another file in its place: what was read before is void."""
        self._reader = ColumnReader()
        self._more = True

    def changed(self) -> bool:
        """Whether a read may find something."""
        return self._more or self.tailer.changed()

    def read(self) -> Batch | None:
        """The next batch, or None when nothing new is complete."""
        chunk = self.tailer.read(_BYTES_AT_ONCE)
        self._more = chunk.more
        self.restarted = chunk.restarted
        if chunk.restarted:
            self._reader = ColumnReader()
            self._note(f"{self.tailer.path.name} was {self.tailer.replaced}: it is read from its start")
        if self.tailer.problem:
            self._note(f"{self.tailer.path.name} cannot be read: {self.tailer.problem}")
        self.skipped += chunk.skipped
        return self._reader.read(chunk.lines) if chunk.lines else None

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
