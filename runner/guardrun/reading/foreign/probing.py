"""Whether a file is the log of a training, told from as little of it as will do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from guardrun.errors import UserError
from guardrun.reading.foreign.files import read_file
from guardrun.reading.foreign.live_document import LARGEST
from guardrun.reading.foreign.live_events import FORMAT as EVENTS
from guardrun.reading.foreign.naming import tells_of_training
from guardrun.reading.foreign.opening import LONGEST_LINE, ForeignFile
from guardrun.reading.foreign.rows import ForeignRows, lines_of
from guardrun.reading.foreign.tensorboard import is_event_file
from guardrun.reading.foreign.values import json_of

Kind = Literal["lines", "document", "events"]
_LINES: Final = 20_000
"""A text log may begin with a long configuration; after so many lines it would have told what it is."""
_BREATH: Final = 500
"""Lines between two pauses."""
_BINARY: Final = 1024
"""Bytes at the start of a file that are looked at for NULs."""


class Probed(NamedTuple):
    """What a file is."""

    kind: Kind
    format: str
    last_step: int = 0
    """Of a document, which was read whole."""


def probe(path: Path) -> Iterator[Probed | None]:
    """Look at a file; yields None now and then (whoever asks may pause), and at last what it is, or None
    when it is no log. Never raises."""
    try:
        file = ForeignFile(path)
        if is_event_file(file.head):
            yield Probed("events", EVENTS)
        elif file.encoding is not None:
            yield _whole(file)
        elif file.size and b"\0" not in file.head[:_BINARY]:
            yield from _text(file)
    except UserError:
        pass
    yield None


def _text(file: ForeignFile) -> Iterator[Probed | None]:
    head = file.text_head().lstrip(" \t\r\n")
    if head.startswith(("{", "[")) and not _is_rows(file, head):
        yield _whole(file)
    else:
        yield from _lines(file)


def _is_rows(file: ForeignFile, head: str) -> bool:
    """Whether JSON objects stand line by line."""
    first, newline, rest = head.partition("\n")
    if not newline and file.size > len(file.head):
        first, newline, rest = file.text_head(LONGEST_LINE).partition("\n")
    return bool(newline and rest.strip()) and isinstance(json_of(first), dict)


def _whole(file: ForeignFile) -> Probed | None:
    if file.size > LARGEST:
        return None
    log = read_file(file, None)
    last = max((row.step for row in log.rows), default=0)
    by_line = file.encoding is None and log.format.endswith(("JSON lines", "CSV", " text"))
    return Probed("lines" if by_line else "document", log.format, last)


def _lines(file: ForeignFile) -> Iterator[Probed | None]:
    rows = ForeignRows()
    stored: set[str] = set()
    seen = 0
    for block in file.blocks():
        for line in lines_of(block):
            seen += 1
            fresh = len(stored)
            for row in rows.rows_on(line):
                stored.update(row.values)
            if len(stored) > fresh and tells_of_training(stored, rows.columns):
                yield Probed("lines", rows.format)
                return
            if rows.problem or seen > _LINES:
                return
            if not seen % _BREATH:
                yield None
        yield None
