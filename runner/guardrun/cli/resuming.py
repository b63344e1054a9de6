"""Take up an earlier run: its configuration, its folder, and the checkpoint to go on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from guardrun.cli.launch import Launch, attempts_of, plan, read_attempt
from guardrun.cli.repeat_words import earlier_config, refuse_hidden
from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.provenance.config import Loaded
from guardrun.provenance.secrets import reveal
from guardrun.reading.discovery import run_name
from guardrun.recording.checkpoints.external import own_last
from guardrun.recording.checkpoints.layout import Damage
from guardrun.recording.checkpoints.load import NoSuchCheckpoint, choose_resume, find

ANEW: Final = "it has no checkpoint yet: it begins anew"


class Resume(NamedTuple):
    """The next attempt of a run."""

    number: int
    loaded: Loaded
    launch: Launch
    start: Start


def plan_resume(
    paths: RunPaths,
    overrides: Sequence[str] = (),
    *,
    secrets: Mapping[str, str] | None = None,
    anew: bool = False,
) -> Resume:
    """The next attempt: configuration, command and checkpoint; nothing is written.

    ``secrets``: placeholder -> value, where the earlier attempt's are known. ``anew``: without a checkpoint
    it begins at the first step. Raises UserError: nothing was ever launched there, no checkpoint, or the
    script has gone.
    """
    numbers = attempts_of(paths)
    if not numbers:
        raise UserError(f"{paths.root.name} has no attempt that could be resumed")
    earlier = reveal(read_attempt(paths, numbers[-1]), secrets or {})
    start = choose_checkpoint(paths, anew=anew)
    loaded = earlier_config(earlier, overrides, name=run_name(paths.root))
    refuse_hidden(loaded, f"guard run --resume {paths.root.name}")
    # The same base as at first, so that relative paths mean the same again.
    base = loaded.source.parent if loaded.source else Path(str(earlier.get("workdir") or "."))
    return Resume(numbers[-1] + 1, loaded, plan(loaded.config, base), start)


class Start(NamedTuple):
    """Where a resumed training begins."""

    checkpoint: str | None
    """Relative to the run; None: the training loads a checkpoint of its own."""
    remarks: list[str]
    """What a person should know about the choice."""


def choose_checkpoint(paths: RunPaths, *, anew: bool = False) -> Start:
    """The newest checkpoint that is whole, every hash checked; the last one if nothing is wrong with it.

    Raises UserError when there is none, or none that can be used; ``anew``: none is needed.
    """
    choice = choose_resume(paths)
    if choice is not None:
        passed_over = [f"passed over: {damage}" for damage in choice.damaged]
        return Start(f"checkpoints/{choice.folder}", passed_over)
    try:
        own = find(paths, "last")
    except NoSuchCheckpoint:
        if anew:
            return Start(None, [ANEW])
        raise UserError(
            f"{paths.root.name} has no checkpoint to resume from",
            hint="start it anew with `guard run`; run.track(model=…, optimizer=…) makes a training resumable",
        ) from None
    where = "" if isinstance(own, Damage) else own_last(paths)[0]
    remark = "its checkpoints are the training's own, which it must load itself"
    return Start(None, [f"{remark}: {where}" if where else remark])
