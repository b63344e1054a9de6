"""One event file of a run: tailed, decoded, and remembered in the user's cache when it is large."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from guardrun.events.schema import Event
from guardrun.reading import column_cache
from guardrun.reading.columns import Batch, ColumnReader
from guardrun.reading.tailer import Tailer

_BYTES_AT_ONCE: Final = 4 * 1024 * 1024
"""Some ten milliseconds of decoding on a quiet machine: a slice of a poll."""
_LARGEST: Final = 8 * 1024**3
"""Bytes of a log for which room is made ahead."""


class LogFile:
    """Batches of one file, in order; the first may be a large file's whole past, from the cache."""

    def __init__(self, path: Path, *, use_cache: bool = True) -> None:
        self.tailer = Tailer(path)
        self.notes: list[str] = []
        self.skipped = 0
        """Lines that were too long to be events."""
        self.expected_rows = 0
        """About how many rows the whole file has, while it is being read; 0 when that is of no use."""
        self.restarted = False
        """Whether the last read found another file in its place: what was read before is void."""
        self._reader = ColumnReader()
        self._events: list[tuple[int, Event]] = []
        self._bad_lines = 0
        self._cached_to = 0
        self._use_cache = use_cache
        self._caching = self._is_large()

    def changed(self) -> bool:
        """Whether a read may find something."""
        return self.tailer.changed()

    def read(self) -> Batch | None:
        """The next batch, or None when nothing new is complete."""
        if self._caching and not self.tailer.offset:
            batch = self._from_cache()
            if batch is not None:
                return batch
        chunk = self.tailer.read(_BYTES_AT_ONCE)
        self.restarted = chunk.restarted
        if chunk.restarted:
            self._reader = ColumnReader()
            self._events, self._bad_lines, self._cached_to = [], 0, 0
            self._caching = self._is_large()
            self._note(f"{self.tailer.path.name} was {self.tailer.replaced}: it is read from its start")
        if self.tailer.problem:
            self._note(f"{self.tailer.path.name} cannot be read: {self.tailer.problem}")
        self.skipped += chunk.skipped
        if not chunk.end:
            return None
        batch = self._reader.read(chunk.data, chunk.end)
        self.expected_rows = self._estimate() if chunk.more else 0
        if self._caching:
            self._events.extend(batch.events)
            self._bad_lines += batch.bad_lines
        return batch

    def remember(self, tables: Mapping[str, column_cache.Table]) -> None:
        """Put a large file that was read to its end into the cache; ``tables`` are its rows by kind."""
        if not self._caching or self.tailer.more or any(table.left_out for table in tables.values()):
            return  # of a cache that lacks curves nobody would know that they are missing
        if self.tailer.offset - self._cached_to >= column_cache.CACHE_FROM_BYTES:
            self._cached_to = self.tailer.offset
            column_cache.save(self.tailer, tables, self._events, self._bad_lines, self._reader.attempt)

    def _is_large(self) -> bool:
        if not self._use_cache:
            return False
        try:
            return self.tailer.path.stat().st_size >= column_cache.CACHE_FROM_BYTES
        except OSError:
            return False

    def _estimate(self) -> int:
        try:
            size = self.tailer.path.stat().st_size
        except OSError:
            return 0
        return int(1.02 * self._reader.rows_seen * min(size, _LARGEST) / max(1, self.tailer.offset))

    def _from_cache(self) -> Batch | None:
        cached = column_cache.load(self.tailer.path)
        if cached is None:
            return None
        self.tailer.resume_at(cached.offset, cached.inode, cached.memory)
        self._reader.resume_at(cached.batch.count, cached.attempt, cached.batch.events)
        self._events = list(cached.batch.events)
        self._bad_lines = cached.batch.bad_lines
        self._cached_to = cached.offset
        self.restarted = False
        return cached.batch

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
