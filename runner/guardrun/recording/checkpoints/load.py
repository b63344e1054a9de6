"""Read a checkpoint again: every hash first, then tensors and plain Python only."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from guardrun.errors import UserError
from guardrun.events.untrusted import open_regular
from guardrun.recording.checkpoints.archive import MORE_THAN_DATA, check_content, inspect
from guardrun.recording.checkpoints.layout import (
    Damage,
    complete_folders,
    file_damage,
    folders,
    is_file_name,
    is_folder,
    read_meta,
    relative,
)
from guardrun.recording.checkpoints.pointers import ROLES, Pointer, read_pointer
from guardrun.recording.checkpoints.reduction import expand_state

if TYPE_CHECKING:
    from pathlib import Path

    from guardrun.events.paths import RunPaths


class Loaded(NamedTuple):
    """A checkpoint in memory, on the CPU. ``payload["objects"]`` goes to ``Tracked.restore``."""

    folder: str
    meta: dict[str, Any]
    payload: dict[str, Any]
    own_part: bool
    """False: this rank has no part in it and got rank 0's, without generators of its own."""


class Found(NamedTuple):
    """A folder that a name stands for, with metadata whose hash is as expected."""

    folder: Path
    meta: dict[str, Any]
    pointer: Pointer | None


class Choice(NamedTuple):
    """What a resume starts from, and what newer checkpoints could not be used."""

    folder: str
    meta: dict[str, Any]
    damaged: list[Damage]


class NoSuchCheckpoint(UserError):
    """The run has no checkpoint of that name."""


def find(paths: RunPaths, which: str) -> Found | Damage:
    """The checkpoint "best", "last" or a folder's name. Raises NoSuchCheckpoint when there is none."""
    which = which.removeprefix("checkpoints/").rstrip("/")
    pointer: Pointer | None = None
    if which in ROLES:
        read = read_pointer(paths, which)
        if isinstance(read, Damage):
            return read
        if read is None:
            raise NoSuchCheckpoint(
                f"the run {paths.root.name} has no {which} checkpoint", hint=_offer(paths, ())
            )
        pointer, which = read, read.folder
    elif not is_file_name(which) or not is_folder(paths.checkpoints / which):
        raise NoSuchCheckpoint(
            f"the run {paths.root.name} has no checkpoint {which!r}", hint=_offer(paths, ())
        )
    folder = paths.checkpoints / which
    found = read_meta(folder)
    if isinstance(found, Damage):
        return found
    if pointer is not None and found.sha256 != pointer.meta_sha256:
        return Damage(f"{which}/meta.json", f"has the SHA-256 {found.sha256}, expected {pointer.meta_sha256}")
    return Found(folder, found.body, pointer)


def first_damage(found: Found) -> Damage | None:
    """The first file that is not as the metadata says; reads every file once."""
    for entry in found.meta["files"]:
        damage = file_damage(found.folder, entry)
        if damage is not None:
            return damage
    return None


def load_checkpoint(paths: RunPaths, which: str, rank: int = 0) -> Loaded:
    """Verify and load one rank's part of "best", "last" or a folder.

    Raises UserError naming the damaged file, what was expected and what was found, and the next checkpoint
    that could be used; NoSuchCheckpoint when there is none of that name.
    """
    found = find(paths, which)
    if isinstance(found, Damage):
        raise _damaged(paths, found, which)
    entries = {entry["path"]: entry for entry in found.meta["files"] if not entry["external"]}
    own = f"rank{rank}.pt"
    entry = entries.get(own) or entries.get("rank0.pt")
    if entry is None:
        raise UserError(
            f"the checkpoint {found.folder.name} was saved by the training's own code; guard can't load it",
            hint=f"its files: {', '.join(one['path'] for one in found.meta['files'][:3])}",
        )
    damage = file_damage(found.folder, entry)
    if damage is not None:
        raise _damaged(paths, damage, found.folder.name)
    try:
        payload = load_part(found.folder / entry["path"])
    except ValueError as error:
        raise _damaged(
            paths, Damage(f"{found.folder.name}/{entry['path']}", str(error)), found.folder.name
        ) from error
    payload["extra"] = expand_state(payload.get("extra"))
    return Loaded(found.folder.name, found.meta, payload, entry["path"] == own)


def load_part(file: Path, *, mmap: bool = False) -> dict[str, Any]:
    """``torch.load`` of tensors and plain Python onto the CPU; ``mmap`` leaves the tensors in the file.

    Raises ValueError when the file can't be read so: torn, foreign, or asking for anything but data.
    """
    try:
        # One descriptor for the look and the load: what was looked at is what is loaded.
        with open(open_regular(file), "rb") as opened:
            instructions = inspect(opened)
            payload = _loaded(opened, file, mmap)
    except OSError as error:
        raise ValueError(f"can't be loaded: {error.strerror or error}") from error
    check_content(payload, instructions)
    if type(payload) is not dict or type(payload.get("objects")) is not dict:
        raise ValueError("is not a checkpoint of guard")
    return payload


def _loaded(opened: BinaryIO, file: Path, mmap: bool) -> Any:
    import torch

    same = f"/proc/self/fd/{opened.fileno()}"
    source: Any = opened
    if mmap:  # takes a path only
        source = same if os.path.exists(same) else str(file)
    try:
        return torch.load(source, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        # torch's own text advises weights_only=False, which would run whatever the file says.
        raise ValueError(f"can't be loaded: {MORE_THAN_DATA}") from error
    except Exception as error:  # whatever a hostile or torn pickle provokes
        text = " ".join(str(error).split())
        raise ValueError(f"can't be loaded: {text[:300] or type(error).__name__}") from error


def choose_resume(paths: RunPaths) -> Choice | None:
    """The newest checkpoint that is whole, hash by hash: last, else the newest complete one.

    Checkpoints of the user's own code are passed over. None when the run has none at all. Raises UserError
    when there are some and each is damaged.
    """
    candidates = ["last", *(str(name) for name in reversed(complete_folders(paths)))]
    last = read_pointer(paths, "last")
    if isinstance(last, Pointer) and isinstance(find(paths, "last"), Damage) and last.folder in candidates:
        # Its metadata is not what was saved, whatever hashes they name: only if nothing else is whole.
        candidates.remove(last.folder)
        candidates.append(last.folder)
    damaged: list[Damage] = []
    seen: set[str] = set()
    for which in candidates:
        try:
            found = find(paths, which)
        except NoSuchCheckpoint:
            continue
        if isinstance(found, Damage):
            if found not in damaged:
                damaged.append(found)
            continue
        if found.folder.name in seen or all(entry["external"] for entry in found.meta["files"]):
            continue
        seen.add(found.folder.name)
        damage = first_damage(found)
        if damage is None:
            return Choice(found.folder.name, found.meta, damaged)
        damaged.append(damage)
    if damaged:
        raise UserError(
            f"no checkpoint of {paths.root.name} can be used: {'; '.join(map(str, damaged))}",
            hint="start the training anew",
        )
    return None


def _damaged(paths: RunPaths, damage: Damage, which: str) -> UserError:
    return UserError(
        f"the checkpoint {which} of {paths.root.name} is damaged: {damage}",
        hint=_offer(paths, {which}),
        exit_code=1,
    )


def _offer(paths: RunPaths, without: set[str] | tuple[str, ...]) -> str:
    """The newest whole checkpoint besides those, as a hint."""
    for name in reversed(complete_folders(paths)):
        found = find(paths, str(name))
        if isinstance(found, Damage) or any(found.folder.name == one for one in without):
            continue
        if first_damage(found) is None:
            return f"{relative(found.folder)} (step {found.meta['step']}) is whole and could be used"
    return "there is no other whole checkpoint" if folders(paths) else "nothing has been saved yet"
