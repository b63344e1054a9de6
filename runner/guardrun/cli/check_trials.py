"""Short trainings for ``guard check``: launched through the user's own command, thrown away afterwards."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from guardrun.cli.launch import plan, write_attempt
from guardrun.errors import UserError
from guardrun.events.run_ids import create_run
from guardrun.judging.sanity_gathering import trial_of
from guardrun.provenance.config import load_config
from guardrun.recording.sanity import ENVIRONMENT

if TYPE_CHECKING:
    from guardrun.judging.facts import RunFacts
    from guardrun.judging.sanity_model import Trial
    from guardrun.supervising.launching import OwnTraining

_POLL_S: Final = 0.05
_STARTING_S: Final = 120.0
"""Imports and data, before the training's own time begins to count."""
_GRACE_S: Final = 5.0
_QUIETLY: Final = (
    "checkpoint.every_steps=null", "checkpoint.every_epochs=null", "stop.patience=null",
    "budget.epochs=null", "budget.cost=null", "on_dirty=record", "logs=null", "cost.per_hour=null",
)  # fmt: skip
"""A check ends by its own limits alone and keeps nothing."""


class Ended(NamedTuple):
    """How the process of a training ended."""

    end: str
    exit_code: int | None
    wall: float


class Bench:
    """Runs one short training after the other, below a folder of its own."""

    def __init__(
        self, file: Path, overrides: Sequence[str], *, steps: int, seconds: float, folder: Path
    ) -> None:
        self.file = file
        self.steps = steps
        self.seconds = seconds
        self.folder = folder
        self.facts: RunFacts | None = None
        """Of the first training: what a run of this configuration knows of itself."""
        self._overrides = list(overrides)
        self.loaded = load_config(file, self._overrides)
        self.seed = self.loaded.config.seed if self.loaded.config.seed is not None else 0

    def run(
        self,
        mode: str,
        options: Mapping[str, Any],
        *,
        overrides: Sequence[str] = (),
        steps: int | None = None,
        memory: float | None = None,
        file: Path | None = None,
    ) -> Trial:
        """One training of at most ``steps`` optimizer steps. ``memory``: bytes beyond which it is ended.

        Raises UserError where the configuration or the command is wrong, as ``guard run`` would.
        """
        limits = [f"budget.steps={steps or self.steps}", f"budget.time={self.seconds:g}", f"seed={self.seed}"]
        own = self._overrides if file is None else []
        loaded = load_config(file or self.file, [*own, *_QUIETLY, *limits, *overrides])
        launch = plan(loaded.config, (file or self.file).resolve().parent)
        paths = create_run(self.folder / "runs", f"check-{mode}", group="check")
        secrets = write_attempt(paths, 1, loaded, launch, resume_from=None)
        wanted = json.dumps({key: value for key, value in options.items() if value is not None})
        extra = {**loaded.config.env, **secrets, ENVIRONMENT: f"{mode}:{wanted}"}
        facts = {
            "command": launch.command, "workdir": str(launch.workdir), "python": launch.python,
            "config": {**loaded.effective, "env": extra},
        }  # fmt: skip
        ended = self._execute(facts, paths, memory)
        trial, known = trial_of(paths.root, mode, wall=ended.wall, end=ended.end, exit_code=ended.exit_code)
        self.facts = self.facts or known
        return trial

    def _execute(self, facts: Mapping[str, Any], paths: Any, memory: float | None) -> Ended:
        from guardrun.supervising.launching import CannotStart, start_training

        begun = time.monotonic()
        try:
            training = start_training(facts, paths, 1, foreground=False)
        except CannotStart as error:
            raise UserError(str(error)) from error
        end = "finished"
        try:
            while (code := training.poll()) is None:
                time.sleep(_POLL_S)
                if memory is not None and _resident(training.pid) > memory:
                    end = "out of memory"
                elif time.monotonic() - begun > self.seconds + _STARTING_S:
                    end = "out of time"
                else:
                    continue
                _end(training)
        finally:
            if training.poll() is None:
                _end(training)
        if end == "finished" and code != 0:
            end = "failed"
        return Ended(end, code, time.monotonic() - begun)


def _resident(pid: int) -> float:
    """Bytes that a process and its children hold."""
    import psutil

    try:
        first = psutil.Process(pid)
        return float(sum(one.memory_info().rss for one in [first, *first.children(recursive=True)]))
    except psutil.Error:
        return 0.0


def _end(training: OwnTraining) -> None:
    """The whole session of a training that is thrown away: asked first, then by force."""
    for number, patience in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
        try:
            os.killpg(training.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while training.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if training.poll() is not None:
            return
