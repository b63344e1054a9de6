"""The checkpoints that lie on the disk, whether or not an event told of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from guardrun.events.paths import RunPaths
from guardrun.following.small_files import read_json
from guardrun.state.values import real, table, whole

_MOST: Final = 400
"""Folders that are looked into, the newest ones."""


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
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                facts = entry.stat(follow_symlinks=False)
                if entry.is_file(follow_symlinks=False):
                    size += facts.st_size
                newest = max(newest or 0.0, facts.st_mtime)
    except OSError:
        return None
    meta = read_json(folder / "meta.json")
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
    )
