"""Foreign logs below some paths, looked for again and again at a small, bounded cost."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from guardrun.reading.foreign.documents import STATE
from guardrun.reading.foreign.finding import is_folder_of_logs, may_be_log, names_of
from guardrun.reading.foreign.probing import Kind, Probed, probe
from guardrun.reading.foreign.tensorboard import grouped

EVERY_S: Final = 5.0
"""Between two searches, at least."""
_SHARE: Final = 0.005
"""Of a core, at most, for searching and for looking at files again that are no logs yet."""
_DEEPEST: Final = 12
_MOST: Final = 50_000
"""Entries that are looked at in one search."""
_MOST_IN_FOLDER: Final = 5_000
"""Files of one folder that are looked at."""
_DATA_FROM: Final = 256
"""Of so many files of one folder none is a log: it holds data, and the rest is left alone."""
_BREATH: Final = 256
"""Entries between two pauses."""
_OWN_MARKS: Final = frozenset(("run.json", "events.jsonl"))
_VENV: Final = "pyvenv.cfg"
_CHECKPOINT: Final = "checkpoint-"
_STATE_NAME: Final = "trainer_state.json"
_Mark = tuple[int, int, int]


class FoundLog(NamedTuple):
    """One training's log."""

    key: Path
    """Its file or folder, by which it is known; of a Trainer's states the place of the last one."""
    kind: Kind
    format: str
    files: tuple[tuple[Path, str], ...]
    """Each with its side (``train``, ``val``), where folders tell it."""
    name: str


@dataclass(slots=True)
class _Known:
    """What a look at a file told."""

    mark: _Mark
    probed: Probed | None
    not_before: float


class LogSearch:
    """Searches in slices. What a file is, is remembered until it changes; a log remains one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.found: Mapping[Path, FoundLog] = {}
        """A new mapping whenever something changed."""
        self.done = False
        """Whether the paths were searched once to the end."""
        self._paths = [Path(os.path.abspath(path)) for path in paths]
        self._known: dict[Path, _Known] = {}
        self._now: dict[Path, Probed] = {}
        """Logs that this search has met so far."""
        self._sweep: Iterator[None] | None = None
        self._due = float("-inf")
        self._spent = 0.0

    def turn(self, seconds: float, runs: Collection[Path] = ()) -> bool:
        """Search for about so long, when it is time to; whether ``found`` is another. ``runs`` are known
        run directories, into which nobody looks."""
        begun = time.monotonic()
        if self._sweep is None:
            if begun < self._due:
                return False
            self._now, self._spent = {}, 0.0
            self._sweep = self._search({os.path.abspath(run) for run in runs})
        deadline = begun + seconds
        ended = False
        while time.monotonic() < deadline:
            try:
                next(self._sweep)
            except StopIteration:
                ended = True
                break
        self._spent += time.monotonic() - begun
        if ended:
            self._sweep, self.done = None, True
            self._due = time.monotonic() + max(EVERY_S, self._spent / _SHARE)
            self._known = {path: known for path, known in self._known.items() if os.path.lexists(path)}
        return self._publish(ended)

    def _publish(self, ended: bool) -> bool:
        found = _logs_in(self._now, self._paths)
        if not ended:
            found = {**self.found, **found}
        if found == self.found:
            return False
        self.found = found
        return True

    def _search(self, runs: Collection[str]) -> Iterator[None]:
        budget = [_MOST]
        for top in self._paths:
            if top.is_file():
                yield from self._look(top, _mark_of(top))
            else:
                yield from self._below(top, runs, _DEEPEST, budget)

    def _below(self, folder: Path, runs: Collection[str], depth: int, budget: list[int]) -> Iterator[None]:
        folders: list[str] = []
        files: dict[str, _Mark] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    budget[0] -= 1
                    if budget[0] < 0 or entry.name in _OWN_MARKS or entry.name == _VENV:
                        return
                    if not budget[0] % _BREATH:
                        yield
                    if entry.is_dir(follow_symlinks=False):
                        if is_folder_of_logs(entry.name):
                            folders.append(entry.name)
                    elif (
                        may_be_log(entry.name)
                        and len(files) < _MOST_IN_FOLDER
                        and entry.is_file(follow_symlinks=False)
                    ):
                        files[entry.name] = _mark(entry.stat(follow_symlinks=False))
        except OSError:
            pass
        yield from self._look_at(folder, files)
        yield
        for name in sorted(folders):
            below = folder / name
            if depth > 0 and os.fspath(below) not in runs:
                yield from self._below(below, runs, depth - 1, budget)

    def _look_at(self, folder: Path, files: Mapping[str, _Mark]) -> Iterator[None]:
        in_vain = 0
        for name in sorted(files):
            path = folder / name
            yield from self._look(path, files[name])
            in_vain += 1
            if path in self._now:
                in_vain = -len(files)
            if in_vain >= _DATA_FROM:
                return

    def _look(self, path: Path, mark: _Mark | None) -> Iterator[None]:
        """Tell what a file is, unless that is known."""
        if mark is None:
            return
        known = self._known.get(path)
        if known is None or self._is_to_be_told(known, mark):
            begun = time.monotonic()
            probed = None
            for each in probe(path):
                probed = each or probed
                yield
            now = time.monotonic()
            wait = max(EVERY_S, (now - begun) / _SHARE) if known is not None else 0.0
            if probed is None and known is not None and known.probed is not None:
                probed = known.probed  # a document that is just being written is still that document
            known = self._known[path] = _Known(mark, probed, now + wait)
        if known.probed is not None:
            self._now[path] = known.probed

    @staticmethod
    def _is_to_be_told(known: _Known, mark: _Mark) -> bool:
        if known.mark == mark or time.monotonic() < known.not_before:
            return False
        # A log that grew is a log still; how far a Trainer's state has come tells which is the newest.
        return known.probed is None or known.mark[0] != mark[0] or known.probed.format == STATE


def _logs_in(files: Mapping[Path, Probed], tops: Sequence[Path]) -> dict[Path, FoundLog]:
    """Files as logs: event files of one run are one, and so are the states of one Trainer."""
    logs: dict[Path, tuple[Kind, str, tuple[tuple[Path, str], ...]]] = {}
    states: dict[Path, Path] = {}
    for path, probed in files.items():
        if probed.format == STATE:
            key = _place_of_state(path)
            held = states.get(key)
            if held is None or probed.last_step >= files[held].last_step:
                states[key] = path
        elif probed.kind != "events":
            logs[path] = (probed.kind, probed.format, ((path, ""),))
    for key, path in states.items():
        logs[key] = ("document", STATE, ((path, ""),))
    events = [path for path, probed in files.items() if probed.kind == "events"]
    for place, members in grouped(events).items():
        logs[place] = ("events", files[members[0][0]].format, tuple(sorted(members)))
    names = _names(list(logs), tops)
    return {key: FoundLog(key, *logs[key], names[key]) for key in sorted(logs)}


def _place_of_state(path: Path) -> Path:
    inside = path.parent.name.startswith(_CHECKPOINT)
    return path.parent.parent / _STATE_NAME if inside else path


def _names(keys: Sequence[Path], tops: Sequence[Path]) -> dict[Path, str]:
    names: dict[Path, str] = {}
    for top in sorted(tops, key=lambda top: len(top.parts)):
        below = [key for key in keys if key == top or top in key.parents]
        names.update(names_of(top, below))
    for key in keys:
        names.setdefault(key, key.name)
    return names


def _mark_of(path: Path) -> _Mark | None:
    try:
        return _mark(os.stat(path))
    except OSError:
        return None


def _mark(facts: os.stat_result) -> _Mark:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
