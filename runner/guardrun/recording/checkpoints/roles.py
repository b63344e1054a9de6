"""Which pointers a complete checkpoint gets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrun.recording.checkpoints.external import overwritten
from guardrun.recording.checkpoints.layout import META, Damage, Meta, read_meta
from guardrun.recording.checkpoints.pointers import Pointer, read_pointer, write_pointer
from guardrun.recording.checkpoints.ranking import is_better, rank_best
from guardrun.recording.checkpoints.writing import CheckpointFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from guardrun.events.paths import RunPaths


class Granted(NamedTuple):
    """The roles a folder has now, and what a person should know about it."""

    meta: Meta
    roles: tuple[str, ...]
    problem: str


def give_roles(
    paths: RunPaths,
    folder: Path,
    *,
    mode: str,
    monitor: str | None,
    claim: bool,
    last: bool,
    nonfinite: Callable[[], str | None] | None,
) -> Granted:
    """Move ``best`` (if claimed, better, and the weights are finite) and ``last`` to a complete folder.

    Raises OSError when a pointer can't be written, CheckpointFailed when the folder's metadata is damaged.
    """
    meta = read_meta(folder)
    if isinstance(meta, Damage):
        raise CheckpointFailed(str(meta))
    pointer = Pointer(folder.name, meta.sha256, meta.body["step"], meta.body["metric"])
    problem = _claim_best(paths, pointer, mode, monitor, nonfinite) if claim else ""
    problem = problem or _after_overwriting(paths, meta.body, mode)
    roles = []
    best = read_pointer(paths, "best")
    if isinstance(best, Pointer) and best.folder == folder.name:
        roles.append("best")
    if last:
        write_pointer(paths, "last", pointer)
        roles.append("last")
    return Granted(meta, tuple(roles), problem)


def mend_best(paths: RunPaths, mode: str) -> list[str]:
    """Before an attempt: a best that is not there any more must not stand in the way of those to come.

    The best of those left takes its place, or none; what a person should know. One that is there but damaged
    stays: its weights may be worth a look, and a folder that no pointer names may be deleted. Raises OSError.
    """
    best = read_pointer(paths, "best")
    if not isinstance(best, Pointer):
        return []
    try:
        os.stat(paths.checkpoints / best.folder / META)
    except FileNotFoundError:
        rest = rank_best(paths, mode)
        if rest is not None:
            write_pointer(paths, "best", rest)
            return [f"the best checkpoint, {best.folder}, is gone; best is {rest.folder} now"]
        os.unlink(paths.pointer("best"))
        return [f"the best checkpoint, {best.folder}, is gone; the next evaluation chooses anew"]
    return []


def _claim_best(
    paths: RunPaths,
    pointer: Pointer,
    mode: str,
    monitor: str | None,
    nonfinite: Callable[[], str | None] | None,
) -> str:
    """Move ``best`` if the claim holds; otherwise why not ("" when it is just not better)."""
    if pointer.metric is None:
        return f"not best: {monitor or 'the monitored metric'} is missing or not finite"
    best = read_pointer(paths, "best")
    if not is_better(pointer.metric, best.metric if isinstance(best, Pointer) else None, mode):
        return ""
    damage = nonfinite() if nonfinite is not None else None
    if damage:
        return f"not best: {damage}"
    write_pointer(paths, "best", pointer)
    return ""


def _after_overwriting(paths: RunPaths, meta: dict[str, Any], mode: str) -> str:
    """A user's file that was best may have been written over: then best is the best that still exists."""
    if not any(entry["external"] for entry in meta["files"]):
        return ""
    best = read_pointer(paths, "best")
    gone = overwritten(paths, meta)
    if not (isinstance(best, Pointer) and best.folder in gone):
        return ""
    rest = rank_best(paths, mode, without=gone)
    if rest is not None:
        write_pointer(paths, "best", rest)
    return (
        f"the best checkpoint (step {best.step}) was this same file, which has been written over; "
        "save best under a name of its own"
    )
