"""What goes: leftovers of interrupted saves, and old checkpoints that no pointer names."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from guardrun.recording.checkpoints.layout import META, FolderName, complete_folders, folders
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


def prune(paths: RunPaths, keep: int, *, spared: str) -> list[str]:
    """Delete complete checkpoints that no pointer names, except the ``keep`` newest of them; their names.

    ``spared`` is the folder just written. Where a pointer can't be read, nothing is deleted.
    """
    named = {spared}
    for role in ROLES:
        pointer = read_pointer(paths, role)
        if isinstance(pointer, Pointer):
            named.add(pointer.folder)
        elif pointer is not None:
            return []
    spare = [name for name in complete_folders(paths) if str(name) not in named]
    gone: list[FolderName] = spare[: max(0, len(spare) - keep)]
    for name in gone:
        remove(paths.checkpoints / str(name))
    return [str(name) for name in gone]


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
