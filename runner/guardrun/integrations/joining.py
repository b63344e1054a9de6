"""The run that a framework's training is recorded in: the script's own if it has one, else a new one."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.recording.cells import in_notebook as in_notebook
from guardrun.recording.checkpoints.external import own_epoch, own_last
from guardrun.recording.starting import current_run, start

if TYPE_CHECKING:
    from guardrun.recording.run import Run

_started: weakref.WeakSet[Run] = weakref.WeakSet()
"""Runs that adapters began: the next training in this process begins one of its own."""


class NeedsPackage(UserError, ImportError):
    """A framework's package is not installed, or not one that the adapter can work with."""

    def __init__(self, package: str, error: ImportError) -> None:
        super().__init__(
            f"guardrun.integrations.{package} can't import {package}: {error}",
            hint=f"pip install 'guardrun[{package}]'",
        )


def join(arguments: dict[str, Any]) -> tuple[Run, bool]:
    """The run to record into, and whether it is ours to end. ``arguments`` are those of guardrun.start."""
    run = current_run()
    if run is not None and run not in _started:
        return run, False
    if run is not None:
        run.finish()
    run = start(**arguments)
    _started.add(run)
    return run, True


def resumable() -> tuple[str, int] | None:
    """Under `guard run --resume`: the training's own newest checkpoint, which it is to load, and its step."""
    folder, attempt = os.environ.get("GUARDRUN_DIR"), os.environ.get("GUARDRUN_ATTEMPT", "1")
    if not folder or not attempt.isdigit() or int(attempt) < 2:
        return None
    path, step = own_last(RunPaths(folder))
    return (path, step) if path and os.path.exists(path) else None


def resumable_epoch() -> int:
    """The epoch, from 0, that the training's own newest checkpoint is gone on from with."""
    return own_epoch(RunPaths(os.environ["GUARDRUN_DIR"]))


class Resumes:
    """An adapter that tells where its training goes on."""

    @property
    def resume_from(self) -> str | None:
        """The framework's checkpoint to load under `guard run --resume`; None in a run that is new."""
        found = resumable()
        return found[0] if found else None
