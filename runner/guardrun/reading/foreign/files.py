"""One file, or TensorBoard's files of one run, as a log: what it holds is told by content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardrun.errors import UserError
from guardrun.reading.foreign.detecting import KNOWN_LINES
from guardrun.reading.foreign.documents import KNOWN_DOCUMENTS, Document, document_of
from guardrun.reading.foreign.knowing import log_of
from guardrun.reading.foreign.model import Facts, ForeignLog, ForeignRow
from guardrun.reading.foreign.naming import stored_name, tells_of_training
from guardrun.reading.foreign.opening import LONGEST_LINE, ForeignFile
from guardrun.reading.foreign.rows import ForeignRows, lines_of
from guardrun.reading.foreign.tensorboard import EventFiles
from guardrun.reading.foreign.values import json_of
from guardrun.reading.plain_text import plain

MAX_DOCUMENT: Final = 256 * 1024 * 1024
"""Bytes of a JSON document, which must be in memory as a whole."""
_KEPT_ROWS: Final = 200_000
"""Rows that stay in memory for the next walk; a longer log is read again."""
_LINES_TO_TELL: Final = 20_000
"""Lines after which a log of a training has told that it is one."""
_SHOWN_COLUMNS: Final = 12
KNOWN_FORMATS: Final = f"{KNOWN_DOCUMENTS}; {KNOWN_LINES}; TensorBoard event files"
MAP_EXAMPLE: Final = "name the columns yourself, for example: --map train/loss=COLUMN --map step=COLUMN"

Names = Mapping[str, str]


class NoLog(UserError):
    """The file is no log at all: no fault of the user's where a folder is searched."""


@dataclass(frozen=True)
class _Found:
    """A log whose format is known, before its rows were looked at."""

    source: Path
    files: tuple[ForeignFile, ...]
    format: str
    facts: Facts
    rows: Callable[[], Iterator[ForeignRow]]
    columns: set[str]
    certain: bool
    """Whether such a file can be nothing but a training's log."""


def read_events(place: Path, members: list[tuple[Path, str]], mapping: Names | None) -> ForeignLog:
    """TensorBoard's files of one run, each with its side."""
    facts, columns = Facts(), set[str]()
    files = tuple((ForeignFile(path), side) for path, side in members)
    rows = EventFiles(files, facts, mapping, columns)
    opened = tuple(file for file, _ in files)
    found = _Found(place, opened, "TensorBoard event files", facts, rows, columns, True)
    return _finished(found, _Scan(rows()), mapping)


def read_file(file: ForeignFile, mapping: Names | None) -> ForeignLog:
    """One file as a log. Raises NoLog when it is none, other UserErrors when it cannot be read."""
    if file.size == 0:
        raise NoLog(f"{file.path} is empty")
    head = file.text_head().lstrip("\0 \t\r\n")
    if head.startswith(("{", "[")):
        made = _document_in(file, head, mapping)
        if made is not None:
            found = _Found(file.path, (file,), made.name, made.facts, made.rows, made.columns, False)
            return _finished(found, _Scan(made.rows()), mapping)
    return _read_lines(file, mapping)


def _document_in(file: ForeignFile, head: str, mapping: Names | None) -> Document | None:
    """The file's one JSON document; None when it has rows line by line, or is no JSON at all."""
    first, newline, rest = head.partition("\n")
    if not newline and file.size > len(file.head):
        first, newline, rest = file.text_head(LONGEST_LINE).partition("\n")
    if newline and rest.strip() and isinstance(json_of(first), dict):
        return None
    if file.size > MAX_DOCUMENT:
        raise UserError(
            f"{file.path} is one JSON document of {file.size / 2**20:.0f} MiB; at most "
            f"{MAX_DOCUMENT / 2**20:.0f} MiB are read",
            hint="save its rows as JSON lines or CSV, which may be of any size",
        )
    text = file.whole()
    whole = json_of(text)
    if whole is None:
        if not newline and "\n" in text.strip():
            return None  # lines, of which the first is too long to be read
        if newline and not first.rstrip().endswith(("{", "[", ",", ":")):
            return None
        raise UserError(
            f"{file.path} begins as a JSON document and does not end as one: it is damaged or cut off",
            hint="copy it again, or convert what is whole into JSON lines or CSV",
        )
    made = document_of(whole, mapping)
    if made is None and not isinstance(whole, dict):
        raise NoLog(f"{file.path} is JSON, but holds no rows of a training", hint=tried())
    if made is None and newline and not first.rstrip().endswith("}"):
        raise NoLog(f"{file.path} is JSON, but no log of a training that guard knows", hint=tried())
    return made


@dataclass(frozen=True)
class _Lines:
    """The rows of a file that is read line by line, as often as they are asked for."""

    file: ForeignFile
    mapping: Names | None

    def __call__(self) -> Iterator[ForeignRow]:
        return self.walk(ForeignRows(self.mapping))

    def walk(self, rows: ForeignRows) -> Iterator[ForeignRow]:
        """All rows. Raises NoLog early when many lines hold nothing of a training: data sets are long."""
        read = 0
        for block in self.file.blocks():
            for line in lines_of(block):
                read += 1
                yield from rows.rows_on(line)
            if rows.problem:
                return
            if read > _LINES_TO_TELL and rows.format and not self.mapping:
                read = -self.file.size
                stored = {stored_name(raw) for raw in rows.columns}
                if not tells_of_training(stored, rows.columns):
                    raise _strange(self.file.path, rows.format, rows.columns)


def _read_lines(file: ForeignFile, mapping: Names | None) -> ForeignLog:
    lines, rows = _Lines(file, mapping), ForeignRows(mapping)
    scan = _Scan(lines.walk(rows))
    if not rows.format:
        binary = b"\0" in file.head and file.encoding is None
        held = "binary data" if binary else rows.describe() or "blank lines"
        raise NoLog(f"{file.path} is in no format that guard reads: it holds {held}", hint=tried())
    rows.facts.notes += _remarks(file, rows)
    found = _Found(file.path, (file,), rows.format, rows.facts, lines, rows.columns, False)
    return _finished(found, scan, mapping)


class _Scan:
    """What one walk over all rows found; the rows themselves, while they are few."""

    def __init__(self, rows: Iterator[ForeignRow]) -> None:
        self.names: dict[str, set[str]] = {"metrics": set(), "eval": set()}
        self.count = 0
        self.kept: list[ForeignRow] | None = []
        for row in rows:
            self.count += 1
            names = self.names[row.kind]
            if not names >= row.values.keys():
                names.update(row.values)
            if self.kept is not None:
                self.kept.append(row)
                if self.count > _KEPT_ROWS:
                    self.kept = None


@dataclass(frozen=True)
class _Again:
    """Rows that are read anew with each walk."""

    rows: Callable[[], Iterator[ForeignRow]]

    def __iter__(self) -> Iterator[ForeignRow]:
        return self.rows()


def _finished(found: _Found, scan: _Scan, mapping: Names | None) -> ForeignLog:
    source, facts, columns = found.source, found.facts, found.columns
    for stored, raw in (mapping or {}).items():
        if raw not in columns:
            raise UserError(f"{source} has no column {raw!r} to map {stored} to", hint=_columns_hint(columns))
    if scan.count == 0:
        raise NoLog(
            f"{source} is {found.format}, but holds no rows of a training", hint=_columns_hint(columns)
        )
    names = scan.names["metrics"] | scan.names["eval"]
    if not (found.certain or mapping or tells_of_training(names, columns)):
        raise _strange(source, found.format, columns)
    rows = _Again(found.rows) if scan.kept is None else scan.kept
    files = tuple(file.as_read for file in found.files)
    return log_of(facts, source, found.format, scan.names["eval"], rows=rows, files=files)


def _strange(source: Path, found: str, columns: set[str]) -> NoLog:
    complaint = f"{source} is {found}, but no column of it is known as one of a training"
    return NoLog(complaint, hint=_columns_hint(columns))


def _columns_hint(columns: set[str]) -> str:
    shown = ", ".join(plain(name)[:60] for name in sorted(columns)[:_SHOWN_COLUMNS])
    more = f" and {len(columns) - _SHOWN_COLUMNS} more" if len(columns) > _SHOWN_COLUMNS else ""
    return f"its columns: {shown}{more}\n{MAP_EXAMPLE}" if columns else MAP_EXAMPLE


def _remarks(file: ForeignFile, rows: ForeignRows) -> list[str]:
    notes = []
    if rows.bad_lines:
        are = "line is" if rows.bad_lines == 1 else "lines are"
        skipped = "was skipped" if rows.bad_lines == 1 else "were skipped"
        notes.append(f"{rows.bad_lines} {are} not {rows.format} and {skipped}")
    if file.skipped:
        longer = "line longer" if file.skipped == 1 else "lines longer"
        skipped = "was skipped" if file.skipped == 1 else "were skipped"
        notes.append(f"{file.skipped} {longer} than {LONGEST_LINE / 2**20:.0f} MiB {skipped}")
    if file.encoding:
        notes.append(f"read as {file.encoding}")
    return notes


def tried() -> str:
    return f"tried: {KNOWN_FORMATS}\n{MAP_EXAMPLE}"
