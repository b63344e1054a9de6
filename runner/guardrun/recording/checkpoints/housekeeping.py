"""What goes: leftovers of interrupted saves, and old checkpoints that no pointer names."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from guardrun.recording.checkpoints.layout import META, FolderName, Meta, complete_folders, folders, read_meta
from guardrun.recording.checkpoints.pointers import ROLES, Pointer, read_pointer

if TYPE_CHECKING:
    from pathlib import Path

    from guardrun.events.paths import RunPaths


def clean_leftovers(paths: RunPaths, attempt: int) -> list[str]:
    """Remove what attempts before this one left unfinished: folders without meta.json, and .tmp files.

    Only rank 0 calls this, before its attempt saves; folders of ``attempt`` itself belong to other ranks.
    """
    removed = []
    for name in folders(paths):
        folder = paths.checkpoints / str(name)
        if name.attempt < attempt and not (folder / META).is_file():
            remove(folder)
            removed.append(str(name))
        elif name.attempt < attempt:
            _remove_asides(folder)
    _remove_asides(paths.checkpoints)
    return [f"removed an unfinished checkpoint: {', '.join(removed)}"] if removed else []


def prune(paths: RunPaths, keep: int, *, spared: FolderName) -> list[str]:
    """Delete complete checkpoints that no pointer names, except the ``keep`` newest of them; their names.

    ``spared`` is the folder just written. The newest one that guard can load stays as well: a user's own
    files as best and last never cost a run what it resumes from. Earlier folders of this attempt that never
    became complete go too: every rank that takes part in this save is done with those. Where a pointer can't
    be read, nothing is deleted.
    """
    named = {str(spared)}
    for role in ROLES:
        pointer = read_pointer(paths, role)
        if isinstance(pointer, Pointer):
            named.add(pointer.folder)
        elif pointer is not None:
            return []
    complete = complete_folders(paths)
    named.add(_newest_own(paths, complete))
    spare = [name for name in complete if str(name) not in named]
    gone = spare[: max(0, len(spare) - keep)]
    if not spared.solo:
        gone += [
            name
            for name in folders(paths)
            if name.attempt == spared.attempt and name.step < spared.step and name not in complete
        ]
    for name in gone:
        remove(paths.checkpoints / str(name))
    return [str(name) for name in gone]


def _newest_own(paths: RunPaths, complete: list[FolderName]) -> str:
    """The newest checkpoint with a part that guard wrote itself, or ""."""
    for name in reversed(complete):
        meta = read_meta(paths.checkpoints / str(name))
        if isinstance(meta, Meta) and not all(entry["external"] for entry in meta.body["files"]):
            return str(name)
    return ""


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder, those being written included."""
    total = 0
    try:
        for entry in os.scandir(folder):
            total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass
    return total


def remove(folder: Path) -> None:
    """meta.json goes first: a removal cut short leaves an unfinished folder, not a damaged checkpoint."""
    try:
        os.unlink(folder / META)
    except OSError:
        pass
    shutil.rmtree(folder, ignore_errors=True)


def _remove_asides(folder: Path) -> None:
    for entry in os.scandir(folder):
        if entry.name.startswith(".") and entry.name.endswith(".tmp"):
            try:
                os.unlink(entry.path)
            except OSError:
                pass
