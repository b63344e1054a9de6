"""Foreign logs found and read: what a path holds is told by content, never by a file's name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from guardrun.errors import UserError
from guardrun.reading.foreign.documents import STATE
from guardrun.reading.foreign.files import Names, NoLog, read_events, read_file, tried
from guardrun.reading.foreign.finding import files_below, names_of
from guardrun.reading.foreign.model import ForeignLog
from guardrun.reading.foreign.opening import ForeignFile
from guardrun.reading.foreign.tensorboard import grouped, is_event_file
from guardrun.reading.plain_text import plain


def read_foreign(path: Path, mapping: Mapping[str, str] | None = None) -> list[ForeignLog]:
    """The logs that a file holds, or all files below a folder.

    ``mapping``: stored name (``train/loss``, ``val/loss``, ...), ``step``, ``epoch`` or ``time`` -> the
    log's own name for it. Raises UserError (exit code 2) which says what was tried, and how to map columns.
    """
    path = Path(path)
    if os.path.isdir(path):
        return _read_folder(path, mapping)
    file = ForeignFile(path)
    ours = is_event_file(file.head)
    log = read_events(path, [(path, "")], mapping) if ours else read_file(file, mapping)
    return [replace(log, name=names_of(path, [path])[path])]


def _read_folder(folder: Path, mapping: Names | None) -> list[ForeignLog]:
    logs: list[ForeignLog] = []
    refused: list[str] = []
    events: list[Path] = []

    def attempt(read: Callable[[], ForeignLog]) -> None:
        try:
            logs.append(read())
        except NoLog:
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
            attempt(partial(read_file, file, mapping))
    for place, members in grouped(events).items():
        attempt(partial(read_events, place, members, mapping))
    if not logs:
        if refused:
            raise UserError(refused[0], hint=_and_more(refused[1:]))
        raise UserError(f"{folder} holds no log that guard reads", hint=tried())
    logs = _newest_states(logs)
    names = names_of(folder, [log.source for log in logs])
    notes = tuple(f"not read: {plain(text)}" for text in refused)
    named = [replace(log, name=names[log.source]) for log in logs]
    return [replace(named[0], notes=(*named[0].notes, *notes)), *named[1:]]


def _newest_states(logs: list[ForeignLog]) -> list[ForeignLog]:
    """Of the states of one Trainer (one a checkpoint, one at the end) the longest: it holds the others."""
    places = {log.source.parent.parent for log in logs if _is_checkpoints(log)}
    longest: dict[Path, ForeignLog] = {}
    for log in logs:
        place = log.source.parent.parent if _is_checkpoints(log) else log.source.parent
        if log.format == STATE and place in places:
            held = longest.get(place)
            longest[place] = log if held is None or _length(log) > _length(held) else held
    chosen = {id(log) for log in longest.values()}
    return [
        log
        for log in logs
        if id(log) in chosen
        or not (_is_checkpoints(log) or (log.format == STATE and log.source.parent in places))
    ]


def _is_checkpoints(log: ForeignLog) -> bool:
    return log.format == STATE and log.source.parent.name.startswith("checkpoint-")


def _length(log: ForeignLog) -> int:
    return max((row.step for row in log.rows), default=0)


def _and_more(others: list[str]) -> str:
    return f"and {len(others)} more files that cannot be read" if others else ""
