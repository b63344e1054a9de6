"""A first look at a long log: its beginning, its end and samples between, long before all of it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from guardrun.events.untrusted import open_regular
from guardrun.reading.columns import ColumnReader
from guardrun.series.store import SeriesStore
from guardrun.state.source import SourceFold

LEAST_BYTES: Final = 256 * 1024
"""A shorter log is read in some milliseconds: there is nothing to be gained."""
_HEAD_BYTES: Final = 16 * 1024
"""Looked at for what stands before the first row."""
_PIECE_BYTES: Final = 4 * 1024
"""Read of the end, and of every place between: so few lines need no decoder of their own."""
_SAMPLED_FROM: Final = 8 * 1024 * 1024
"""A log from this size on takes so long that a coarse curve is worth having."""
_SAMPLES: Final = 64
_ROW: Final = b'"kind":"metrics"'


class Glance:
    """What a few hundred lines of a log tell: where it stands, and its curves as a coarse picture."""

    def __init__(self, pieces: Iterator[bytes], attempt: int) -> None:
        self.fold = SourceFold()
        self.series = SeriesStore()
        reader = ColumnReader()
        for number, piece in enumerate(pieces):
            if number == 1:
                # Beginnings of later attempts may lie in what was left out.
                reader.resume_at(reader.rows_seen, max(attempt, reader.attempt))
            batch = reader.read(piece)
            self.fold.add(batch)
            self.series.add(0, batch)


def glance(path: Path, attempt: int) -> Glance | None:
    """Look at a log whose newest attempt is known; None when it is short, or cannot be read."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        return None if size < LEAST_BYTES else Glance(_pieces(descriptor, size), attempt)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _pieces(descriptor: int, size: int) -> Iterator[bytes]:
    """Whole lines: those to the first row, samples at equal distances, the last ones."""
    head = os.pread(descriptor, _HEAD_BYTES, 0)
    row = head.find(_ROW)
    yield head[: (head.find(b"\n", row) if row >= 0 else head.rfind(b"\n")) + 1]
    if size >= _SAMPLED_FROM:
        for number in range(1, _SAMPLES):
            yield _inside(os.pread(descriptor, _PIECE_BYTES, number * (size // _SAMPLES)))
    yield _inside(os.pread(descriptor, _PIECE_BYTES, size - _PIECE_BYTES))


def _inside(piece: bytes) -> bytes:
    """The lines that both begin and end in it."""
    return piece[piece.find(b"\n") + 1 : piece.rfind(b"\n") + 1]
