"""Checkpoints that the user's own code saves: hashed where they are, ranked, never changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.recording.checkpoints.housekeeping import remove
from guardrun.recording.checkpoints.layout import Meta, complete_folders, hash_file, read_meta
from guardrun.recording.checkpoints.pointers import Pointer, read_pointer, write_pointer
from guardrun.recording.checkpoints.ranking import rank_best

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardrun.events.paths import RunPaths


def hash_external(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """``files`` entries for a file, or for every file below a folder; synced and read once, in blocks.

    Raises UserError when nothing is there, OSError when something can't be read.
    """
    source = Path(os.path.abspath(path))
    if source.is_dir():
        found = sorted(one for one in source.rglob("*") if one.is_file())
    else:
        found = [source] if source.exists() else []
    if not found:
        raise UserError(
            f"cannot register the checkpoint {source}: there is no such file",
            hint="call run.register_checkpoint after the file has been written",
        )
    entries = []
    for file in found:
        sha256, size = hash_file(file, sync=True)
        entries.append({"path": str(file), "sha256": sha256, "bytes": size, "external": True})
    return entries


def overwritten(paths: RunPaths, meta: dict[str, Any]) -> set[str]:
    """Names of checkpoint folders whose external files ``meta`` has since replaced by other contents."""
    now = {entry["path"]: entry["sha256"] for entry in meta["files"] if entry["external"]}
    gone = set()
    for name in complete_folders(paths):
        found = read_meta(paths.checkpoints / str(name))
        if isinstance(found, Meta) and any(
            entry["external"] and now.get(entry["path"], entry["sha256"]) != entry["sha256"]
            for entry in found.body["files"]
        ):
            gone.add(str(name))
    return gone


def drop_vanished(paths: RunPaths, mode: str) -> list[str]:
    """Forget checkpoints whose files their owner has deleted; what a person should know of best and last.

    A pointer that named one names the best, or the newest, of those that are left. Raises OSError.
    """
    gone = {name: step for name, step in _external_steps(paths) if step is not None}
    if not gone:
        return []
    told = []
    for role in ("best", "last"):
        was, now = _repoint(paths, role, set(gone), mode)
        if was:
            step, where = gone[was]
            instead = f"step {now.step} is now" if now else "there is none now"
            told.append(f"{where} (step {step}) was {role} and has been deleted; {instead}")
    for name in gone:
        remove(paths.checkpoints / name)
    return told


def own_last(paths: RunPaths) -> tuple[str, int]:
    """Where the training's own newest checkpoint lies, a file or a folder, and its step; "" when ``last`` is
    none of its own.
    """
    pointer = read_pointer(paths, "last")
    if not isinstance(pointer, Pointer):
        return "", 0
    found = read_meta(paths.checkpoints / pointer.folder)
    if not isinstance(found, Meta):
        return "", 0
    return own_place(found.body), pointer.step


def own_place(meta: dict[str, Any]) -> str:
    """The file, or the folder of the files, that a checkpoint stands for; "" for guard's own format."""
    files = [str(entry["path"]) for entry in meta["files"] if entry["external"]]
    if len(files) < 2:
        return files[0] if files else ""
    return os.path.commonpath([os.path.dirname(file) for file in files])


def own_epoch(paths: RunPaths) -> int:
    """The epoch in progress, from 0, of the checkpoint that ``last`` names; 0 when there is none."""
    pointer = read_pointer(paths, "last")
    found = read_meta(paths.checkpoints / pointer.folder) if isinstance(pointer, Pointer) else None
    return int(found.body["epoch"]) if isinstance(found, Meta) else 0


def _external_steps(paths: RunPaths) -> Iterator[tuple[str, tuple[int, str] | None]]:
    """Each complete folder; with step and place where the files it stands for are not there any more."""
    for name in complete_folders(paths):
        found = read_meta(paths.checkpoints / str(name))
        files = [e["path"] for e in found.body["files"] if e["external"]] if isinstance(found, Meta) else []
        vanished = [file for file in files if not os.path.lexists(file)]
        if isinstance(found, Meta) and vanished:
            where = vanished[0] if len(files) == 1 else os.path.dirname(vanished[0])
            yield str(name), (int(found.body["step"]), where)
        else:
            yield str(name), None


def _repoint(paths: RunPaths, role: str, gone: set[str], mode: str) -> tuple[str, Pointer | None]:
    """The folder that a role named, if it is one of ``gone``, and what the role names now."""
    pointer = read_pointer(paths, role)
    if not isinstance(pointer, Pointer) or pointer.folder not in gone:
        return "", None
    rest = rank_best(paths, mode, without=gone) if role == "best" else _newest(paths, gone)
    if rest is not None:
        write_pointer(paths, role, rest)
    else:
        os.unlink(paths.pointer(role))
    return pointer.folder, rest


def _newest(paths: RunPaths, without: set[str]) -> Pointer | None:
    for name in reversed(complete_folders(paths)):
        found = read_meta(paths.checkpoints / str(name))
        if str(name) not in without and isinstance(found, Meta):
            return Pointer(str(name), found.sha256, found.body["step"], found.body["metric"])
    return None
