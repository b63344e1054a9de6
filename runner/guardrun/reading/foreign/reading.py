"""Foreign logs found and read: what a path holds is told by content, never by a file's name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from guardrun.errors import UserError
from guardrun.reading.foreign.detecting import KNOWN_LINES
from guardrun.reading.foreign.documents import KNOWN_DOCUMENTS, Document, document_of
from guardrun.reading.foreign.finding import files_below, names_of
from guardrun.reading.foreign.model import Facts, ForeignLog, ForeignRow
from guardrun.reading.foreign.monitoring import guessed_monitor
from guardrun.reading.foreign.naming import tells_of_training
from guardrun.reading.foreign.opening import LONGEST_LINE, ForeignFile
from guardrun.reading.foreign.rows import ForeignRows, lines_of
from guardrun.reading.foreign.tensorboard import EventFiles, grouped, is_event_file
from guardrun.reading.foreign.values import json_of
from guardrun.reading.plain_text import plain

MAX_DOCUMENT: Final = 256 * 1024 * 1024
"""Bytes of a JSON document, which must be in memory as a whole."""
_KEPT_ROWS: Final = 200_000
"""Rows that stay in memory for the next walk; a longer log is read again."""
_SHOWN_COLUMNS: Final = 12
KNOWN_FORMATS: Final = f"{KNOWN_DOCUMENTS}; {KNOWN_LINES}; TensorBoard event files"
MAP_EXAMPLE: Final = "name the columns yourself, for example: --map train/loss=COLUMN --map step=COLUMN"

Mapping_ = Mapping[str, str]


def read_foreign(path: Path, mapping: Mapping[str, str] | None = None) -> list[ForeignLog]:
    """The logs that a file holds, or all files below a folder.

    ``mapping``: stored name (``train/loss``, ``val/loss``, ...), ``step``, ``epoch`` or ``time`` -> the
    log's own name for it. Raises UserError (exit code 2) which says what was tried, and how to map columns.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, mapping)
    if not os.path.lexists(path):
        raise UserError(f"no such file or folder: {path}")
    file = ForeignFile(path)
    if is_event_file(file.head):
        log = _read_events(path, [(path, "")], mapping)
    else:
        log = _read_file(file, mapping, certain=True)
    return [replace(log, name=names_of(path, [path])[path])]


def _read_folder(folder: Path, mapping: Mapping_ | None) -> list[ForeignLog]:
    logs: list[ForeignLog] = []
    refused: list[str] = []
    events: list[Path] = []

    def attempt(read: Callable[[], ForeignLog]) -> None:
        try:
            logs.append(read())
        except _NoLog:
            pass
        except UserError as error:
            refused.append(str(error) if error.hint.startswith("pip") else error.message)

    for path in files_below(folder):
        try:
            file = ForeignFile(path)
        except UserError as error:
            refused.append(error.message)
            continue
        if is_event_file(file.head):
            events.append(path)
        else:
            attempt(partial(_read_file, file, mapping, certain=False))
    for place, members in grouped(events).items():
        attempt(partial(_read_events, place, members, mapping))
    if not logs:
        if refused:
            raise UserError(refused[0], hint=_and_more(refused[1:]))
        raise UserError(f"{folder} holds no log that guard reads", hint=_tried())
    logs = _newest_states(logs)
    names = names_of(folder, [log.source for log in logs])
    notes = tuple(f"not read: {plain(text)}" for text in refused)
    named = [replace(log, name=names[log.source]) for log in logs]
    return [replace(named[0], notes=(*named[0].notes, *notes)), *named[1:]]


class _NoLog(UserError):
    """The file is no log at all: no fault of the user's where a folder is searched."""


def _read_events(place: Path, members: list[tuple[Path, str]], mapping: Mapping_ | None) -> ForeignLog:
    """TensorBoard's files of one run."""
    facts, columns = Facts(), set[str]()
    files = tuple((ForeignFile(path), side) for path, side in members)
    rows = EventFiles(files, facts, mapping, columns)
    return _finished(place, "TensorBoard event files", facts, _Scan(rows()), rows, mapping, columns, False)


def _read_file(file: ForeignFile, mapping: Mapping_ | None, *, certain: bool) -> ForeignLog:
    """One file as a log. ``certain``: the user named it, so that an odd table is a log all the same."""
    if file.size == 0:
        raise _NoLog(f"{file.path} is empty")
    head = file.text_head().lstrip("\0 \t\r\n")
    if head.startswith(("{", "[")):
        document = _document_in(file, head, mapping)
        if document is not None:
            return _log_of(file, document.name, document.facts, document.rows, mapping, document.columns)
    return _read_lines(file, mapping, certain)


def _document_in(file: ForeignFile, head: str, mapping: Mapping_ | None) -> Document | None:
    """The file's one JSON document; None when it has rows line by line, or is no JSON at all."""
    first, newline, _ = head.partition("\n")
    found = json_of(first) if newline else None
    if isinstance(found, dict) and document_of(found) is None:
        return None
    if file.size > MAX_DOCUMENT:
        raise UserError(
            f"{file.path} is one JSON document of {file.size / 2**20:.0f} MiB; at most "
            f"{MAX_DOCUMENT / 2**20:.0f} MiB are read",
            hint="save its rows as JSON lines or CSV, which may be of any size",
        )
    whole = json_of(file.whole())
    if whole is None:
        if newline and not first.rstrip().endswith(("{", "[", ",", ":")):
            return None
        raise UserError(
            f"{file.path} begins as a JSON document and does not end as one: it is damaged or cut off",
            hint="copy it again, or convert what is whole into JSON lines or CSV",
        )
    made = document_of(whole, mapping)
    if made is None and not isinstance(whole, dict):
        raise _NoLog(f"{file.path} is JSON, but holds no rows of a training", hint=_tried())
    if made is None and newline and not first.rstrip().endswith("}"):
        raise _NoLog(f"{file.path} is JSON, but no log of a training that guard knows", hint=_tried())
    return made


@dataclass(frozen=True)
class _Lines:
    """The rows of a file that is read line by line, as often as they are asked for."""

    file: ForeignFile
    mapping: Mapping_ | None

    def __call__(self) -> Iterator[ForeignRow]:
        return self.walk(ForeignRows(self.mapping))

    def walk(self, rows: ForeignRows) -> Iterator[ForeignRow]:
        for block in self.file.blocks():
            for line in lines_of(block):
                yield from rows.rows_on(line)
            if rows.problem:
                return


def _read_lines(file: ForeignFile, mapping: Mapping_ | None, certain: bool) -> ForeignLog:
    lines, rows = _Lines(file, mapping), ForeignRows(mapping)
    scan = _Scan(lines.walk(rows))
    if not rows.format:
        raise _NoLog(
            f"{file.path} is in no format that guard reads: it holds {rows.describe() or 'blank lines'}",
            hint=_tried(),
        )
    rows.facts.notes += _remarks(file, rows)
    return _finished(file.path, rows.format, rows.facts, scan, lines, mapping, rows.columns, certain)


def _log_of(
    file: ForeignFile, name: str, facts: Facts, rows: Callable[[], Iterator[ForeignRow]],
    mapping: Mapping_ | None, columns: set[str],
) -> ForeignLog:  # fmt: skip
    return _finished(file.path, name, facts, _Scan(rows()), rows, mapping, columns, True)


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


def _finished(
    source: Path, name: str, facts: Facts, scan: _Scan, rows: Callable[[], Iterator[ForeignRow]],
    mapping: Mapping_ | None, columns: set[str], certain: bool,
) -> ForeignLog:  # fmt: skip
    _check_mapping(source, mapping, columns)
    found = scan.names["metrics"] | scan.names["eval"]
    if scan.count == 0:
        raise _NoLog(f"{source} is {name}, but holds no numbers", hint=_columns_hint(columns))
    if not mapping and not tells_of_training(found):
        complaint = f"{source} is {name}, but no column of it is known as one of a training"
        raise (UserError if certain else _NoLog)(complaint, hint=_columns_hint(columns))
    if facts.monitor not in scan.names["eval"]:
        facts.monitor, facts.mode = guessed_monitor(scan.names["eval"])
    kept: Iterable[ForeignRow] = _Again(rows) if scan.kept is None else scan.kept
    return ForeignLog(
        name=source.stem, source=source, format=name, rows=kept, notes=tuple(facts.notes),
        renamed=dict(facts.renamed), total_steps=facts.total_steps, total_epochs=facts.total_epochs,
        monitor=facts.monitor, mode=facts.mode,
        train_loss="evaluated" if facts.evaluated or _only_evaluated(scan.names) else "running",
        completed=facts.completed, told=dict(facts.told),
    )  # fmt: skip


def _only_evaluated(names: dict[str, set[str]]) -> bool:
    return "train/loss" in names["eval"] and "train/loss" not in names["metrics"]


def _check_mapping(path: Path, mapping: Mapping_ | None, columns: set[str]) -> None:
    for stored, raw in (mapping or {}).items():
        if raw not in columns:
            raise UserError(f"{path} has no column {raw!r} to map {stored} to", hint=_columns_hint(columns))


def _columns_hint(columns: set[str]) -> str:
    shown = ", ".join(plain(name)[:60] for name in sorted(columns)[:_SHOWN_COLUMNS])
    more = f" and {len(columns) - _SHOWN_COLUMNS} more" if len(columns) > _SHOWN_COLUMNS else ""
    return f"its columns: {shown}{more}\n{MAP_EXAMPLE}" if columns else MAP_EXAMPLE


def _remarks(file: ForeignFile, rows: ForeignRows) -> list[str]:
    notes = []
    if rows.bad_lines:
        notes.append(f"{rows.bad_lines} lines are not {rows.format} and were skipped")
    if file.skipped:
        notes.append(f"{file.skipped} lines longer than {LONGEST_LINE / 2**20:.0f} MiB were skipped")
    if file.encoding:
        notes.append(f"read as {file.encoding}")
    return notes


def _newest_states(logs: list[ForeignLog]) -> list[ForeignLog]:
    """Of several states of one Trainer (one a checkpoint) the longest alone: it holds the others."""
    newest: dict[Path, ForeignLog] = {}
    for log in logs:
        if log.source.parent.name.startswith("checkpoint-") and log.format.startswith("Hugging Face"):
            place = log.source.parent.parent
            held = newest.get(place)
            if held is None or _length(log) > _length(held):
                newest[place] = log
    chosen = {id(log) for log in newest.values()}
    return [
        log
        for log in logs
        if id(log) in chosen
        or not (log.source.parent.parent in newest and log.source.parent.name.startswith("checkpoint-"))
    ]


def _length(log: ForeignLog) -> int:
    return max((row.step for row in log.rows), default=0)


def _tried() -> str:
    return f"tried: {KNOWN_FORMATS}\n{MAP_EXAMPLE}"


def _and_more(others: list[str]) -> str:
    return f"and {len(others)} more files that cannot be read" if others else ""


def as_json(log: ForeignLog) -> dict[str, Any]:
    """What is known of a log, without its rows."""
    return {
        "name": log.name, "source": str(log.source), "format": log.format, "monitor": log.monitor,
        "mode": log.mode, "train_loss": log.train_loss, "total_steps": log.total_steps,
        "total_epochs": log.total_epochs, "notes": list(log.notes), "renamed": dict(log.renamed),
    }  # fmt: skip
