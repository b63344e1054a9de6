"""What `guard show` finds when it looks at best and last itself: how they were proved is how they were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from guardrun.events.paths import RunPaths
from guardrun.reading.plain_text import plain
from guardrun.recording.checkpoints.soundness import Damaged, look_at
from guardrun.state.model import CheckpointRef, RunState

_HASH: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
"""Twelve letters of a hash tell two files apart; all of them stand in the metadata and in `--json`."""


def looked_at(state: RunState, paths: RunPaths) -> tuple[RunState, dict[str, Damaged]]:
    """The state with what is damaged now, and for each such role what could be used instead."""
    mode = state.monitor.mode if state.monitor else "min"
    looks = ((role, look_at(paths, role, mode)) for role in ("best", "last"))
    damaged = {role: found for role, found in looks if found is not None}
    best, last = (_told(getattr(state, role), damaged.get(role)) for role in ("best", "last"))
    return replace(state, best=best, last=last), damaged


def _told(ref: CheckpointRef | None, found: Damaged | None) -> CheckpointRef | None:
    if ref is None or found is None:
        return ref
    return replace(ref, verified=False, problem=_HASH.sub(r"\1…", str(found.damage)))


def offers(damaged: Mapping[str, Damaged]) -> list[str]:
    """What can be used in place of a damaged one, a line for each."""
    return [_offer(role, found) for role, found in damaged.items()]


def _offer(role: str, found: Damaged) -> str:
    if found.instead is None:
        return f"in place of {role}: no other checkpoint is whole"
    where = f"checkpoints/{plain(found.instead)} (step {found.step:,}) is whole"
    after = "; `guard run --resume` goes on from there" if role == "last" else " and the best of the others"
    return f"in place of {role}: {where}{after}"


def with_offers(document: dict[str, Any], damaged: Mapping[str, Damaged]) -> dict[str, Any]:
    """`guard show --json`: of a damaged checkpoint also what is wrong, and the folder to be used instead."""
    checkpoints = dict(document["checkpoints"])
    for role, found in damaged.items():
        if checkpoints.get(role) is not None:
            instead = None if found.instead is None else f"checkpoints/{found.instead}"
            checkpoints[role] = {**checkpoints[role], "problem": str(found.damage), "instead": instead}
    return {**document, "checkpoints": checkpoints}
