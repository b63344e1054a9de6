"""Whether ``best`` and ``last`` are still what was saved, and what takes their place where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from guardrun.errors import UserError
from guardrun.recording.checkpoints.layout import Damage, file_damage
from guardrun.recording.checkpoints.load import Found, NoSuchCheckpoint, choose_resume, find, first_damage
from guardrun.recording.checkpoints.pointers import Pointer, read_pointer
from guardrun.recording.checkpoints.ranking import rank_best

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths

MOST_HASHED = 512 * 1024 * 1024
"""Bytes of one checkpoint that a look may hash (about a second); of a larger one, sizes are compared."""


class Damaged(NamedTuple):
    """A role whose checkpoint is not as it was saved."""

    damage: Damage
    instead: str | None
    """The folder that would be used in its place: for ``last`` what a resume goes on from, for ``best`` the
    best of those that are whole; None when there is none."""
    step: int | None
    """Of that folder."""


def look_at(paths: RunPaths, role: str, mode: str = "min") -> Damaged | None:
    """What is wrong with a role's checkpoint; None when nothing is, as far as was looked, or there is none.

    Files of the training's own format are left to `guard audit`.
    """
    while True:
        before = read_pointer(paths, role)
        damage = _damage(paths, role)
        if damage is None:
            return None
        # A training that goes on may have moved the pointer and deleted the old folder under our hands.
        if read_pointer(paths, role) == before:
            return _with_next(paths, role, damage, mode)


def _damage(paths: RunPaths, role: str) -> Damage | None:
    try:
        found = find(paths, role)
    except NoSuchCheckpoint:
        return None
    if isinstance(found, Damage):
        return found
    own = [entry for entry in found.meta["files"] if not entry["external"]]
    hashed = sum(entry["bytes"] for entry in own) <= MOST_HASHED
    damages = (file_damage(found.folder, entry, hashed=hashed) for entry in own)
    return next((damage for damage in damages if damage is not None), None)


def _with_next(paths: RunPaths, role: str, damage: Damage, mode: str) -> Damaged:
    if role == "best":
        found = next_best(paths, mode)
        return Damaged(damage, None if found is None else found.folder.name, found and found.meta["step"])
    try:
        choice = choose_resume(paths)
    except UserError:  # each is damaged
        choice = None
    return Damaged(damage, choice and choice.folder, choice and choice.meta["step"])


def next_best(paths: RunPaths, mode: str) -> Found | None:
    """The checkpoint with the best metric of those that are whole, hash by hash; None when none is.

    The present best does not count: it is asked for when that is damaged.
    """
    present = read_pointer(paths, "best")
    tried = {present.folder} if isinstance(present, Pointer) else set()
    while (pointer := rank_best(paths, mode, without=tried)) is not None:
        found = find(paths, pointer.folder)
        if not isinstance(found, Damage) and first_damage(found) is None:
            return found
        tried.add(pointer.folder)
    return None
