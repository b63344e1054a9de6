"""The checkpoints that lie on the disk, whether or not an event told of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from guardrun.events.paths import RunPaths
from guardrun.following.small_files import read_json
from guardrun.state.values import real, table, whole, words

_MOST: Final = 400
"""Folders that are looked into, the newest ones."""
_MOST_FILES: Final = 4096
_META: Final = "meta.json"
_LATER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class SavedFolder:
    """One folder below checkpoints/."""

    path: str
    """Relative to the run directory, as events write it."""
    step: int | None
    epoch: int | None
    bytes: int
    t: float | None
    """When it was complete, in unix seconds."""
    complete: bool
    """Whether its meta.json is there: what lacks it was never finished, and is no checkpoint."""
    metric: float | None = None
    """Of the monitor, by which the best is chosen."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    """A file that is missing or has another size than when it was saved. Nothing is read for it."""
    changed: str = ""
    """A file that was written after the checkpoint was complete: what was proved of it may not hold."""


@dataclass(frozen=True, slots=True)
class Saved:
    """All folders, the newest first, and the room that is left."""

    folders: tuple[SavedFolder, ...] = ()
    more: int = 0
    """Older folders that were not looked into."""
    free_bytes: int | None = None
    total_bytes: int | None = None
    """Of the file system that they lie on."""


def list_saved(paths: RunPaths) -> Saved:
    """What is there now. Nothing raises: a folder that vanishes meanwhile is left out."""
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(paths.checkpoints) as entries:
            folders_now = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        found = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in folders_now]
    except OSError:
        pass
    found.sort(reverse=True)
    folders = filter(None, (_look(paths.checkpoints / name) for _, name in found[:_MOST]))
    try:
        disk = os.statvfs(paths.root)
    except OSError:
        return Saved(tuple(folders), max(0, len(found) - _MOST))
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    return Saved(tuple(folders), max(0, len(found) - _MOST), free, total)


def _look(folder: Path) -> SavedFolder | None:
    size, newest = 0, None
    files: dict[str, os.stat_result] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                facts = entry.stat(follow_symlinks=False)
                if entry.is_file(follow_symlinks=False):
                    size += facts.st_size
                    files[entry.name] = facts
                newest = max(newest or 0.0, facts.st_mtime)
    except OSError:
        return None
    meta = read_json(folder / _META)
    told = table(meta)
    return SavedFolder(
        path=f"checkpoints/{folder.name}",
        step=whole(told.get("step")),
        epoch=whole(told.get("epoch")),
        bytes=size,
        t=real(told.get("time")) or newest,
        complete=meta is not None,
        metric=real(told.get("metric")),
        metrics=table(told.get("metrics")),
        problem=next(filter(None, (_problem(entry, files) for entry in _own(told))), ""),
        changed=next(filter(None, (_changed(entry, files) for entry in _own(told))), ""),
    )


def _own(meta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The files of guard's own format that the metadata names."""
    entries = meta.get("files")
    found = [table(entry) for entry in (entries if isinstance(entries, list) else [])[:_MOST_FILES]]
    return [entry for entry in found if entry.get("external") is False and words(entry.get("path"))]


def _problem(entry: Mapping[str, Any], files: Mapping[str, os.stat_result]) -> str:
    name, size = words(entry.get("path")), whole(entry.get("bytes"))
    if name not in files:
        return f"{name} is missing"
    found = files[name].st_size
    return f"{name} has {found:,} bytes, expected {size:,}" if size is not None and found != size else ""


def _changed(entry: Mapping[str, Any], files: Mapping[str, os.stat_result]) -> str:
    """The metadata is written last; a copy of a folder may be made in any order, but not over days."""
    name = words(entry.get("path"))
    if name not in files or _META not in files:
        return ""
    later = files[name].st_mtime - files[_META].st_mtime
    return f"{name} was written after it was complete" if later > _LATER_S else ""
