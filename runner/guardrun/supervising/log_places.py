"""Where a training's own log may lie: one file, or the newest of a folder or a pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from guardrun.events.paths import rank_of

_SUFFIXES: Final = (".csv", ".tsv", ".jsonl", ".ndjson", ".log.json", "scalars.json", "metrics.json")
"""What is looked for in a folder (the last three are mmcv's, mmengine's and detectron2's JSON lines); a
pattern may name anything."""
_DEEPEST: Final = 5
_MOST: Final = 10_000
"""Entries that are looked at in a folder or below a pattern."""
_END: Final = 64


class Past(NamedTuple):
    """A file as it was before the training began."""

    inode: tuple[int, int]
    size: int
    changed: int
    """mtime in nanoseconds."""
    end: bytes
    """Its last bytes, which tell whether a longer file begins with it."""


class LogPlaces:
    """Finds the files that ``spec`` (relative to ``workdir``) means. Links are followed; nothing raises."""

    def __init__(self, spec: str, workdir: str) -> None:
        self.spec = spec
        self.workdir = workdir
        self._path = os.path.join(workdir, os.path.expanduser(spec))
        self._past: dict[str, Past] = {}

    def remember(self) -> None:
        """What is there now belongs to the past: only what changes from now on is the training's."""
        for path in self._newest_first():
            past = _look(path)
            if past is not None:
                self._past[path] = past

    def changed_files(self) -> list[str]:
        """Real paths of the files that the training wrote, the newest first."""
        return [path for path in self._newest_first() if self._is_changed(path)]

    def old_bytes(self, path: str) -> int:
        """How many bytes of this file were there before, if it still begins with them."""
        past, now = self._past.get(path), _look(path, self._past[path].size if path in self._past else None)
        if past is None or now is None or past.inode != now.inode or past.end != now.end:
            return 0
        return past.size if now.size >= past.size else 0

    def _is_changed(self, path: str) -> bool:
        past = self._past.get(path)
        if past is None:
            return True
        try:
            facts = os.stat(path)
        except OSError:
            return False
        return ((facts.st_dev, facts.st_ino), facts.st_size, facts.st_mtime_ns) != past[:3]

    def _newest_first(self) -> list[str]:
        found: dict[str, int] = {}
        for name in islice(self._candidates(), _MOST):
            path = os.path.realpath(name)
            try:
                facts = os.stat(path)
            except OSError:
                continue
            if os.path.isfile(path) and not _is_our_own(path):
                found[path] = facts.st_mtime_ns
        return sorted(found, key=lambda path: (found[path], path), reverse=True)

    def _candidates(self) -> Iterator[str]:
        if os.path.isdir(self._path):
            yield from _below(self._path)
        elif os.path.exists(self._path):
            yield self._path
        elif glob.has_magic(self.spec):
            pattern = os.path.expanduser(self.spec)
            for name in glob.iglob(pattern, root_dir=self.workdir, recursive=True):
                yield os.path.join(self.workdir, name)


def _below(folder: str) -> Iterator[str]:
    top = folder.rstrip(os.sep).count(os.sep)
    seen = 0
    for place, folders, files in os.walk(folder):
        seen += len(folders) + len(files)
        if place.count(os.sep) - top >= _DEEPEST or seen > _MOST:
            folders.clear()
        yield from (os.path.join(place, name) for name in files if name.endswith(_SUFFIXES))


def _is_our_own(path: str) -> bool:
    """Whether guard itself writes this file: a folder of logs may hold run directories."""
    folder, name = os.path.split(path)
    ours = rank_of(name) is not None or name in ("supervisor.jsonl", "system.jsonl")
    return ours and os.path.isfile(os.path.join(folder, "run.json"))


def _look(path: str, size: int | None = None) -> Past | None:
    """The file as it is now, with the bytes before ``size`` (its end)."""
    try:
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            size = facts.st_size if size is None else size
            end = os.pread(file.fileno(), _END, max(0, size - _END)) if size else b""
    except OSError:
        return None
    return Past((facts.st_dev, facts.st_ino), facts.st_size, facts.st_mtime_ns, end[: min(size, _END)])


def shown(path: str, workdir: str) -> str:
    """The path as a person would type it from ``workdir``."""
    inside = Path(path).is_relative_to(os.path.realpath(workdir))
    return os.path.relpath(path, os.path.realpath(workdir)) if inside else path
