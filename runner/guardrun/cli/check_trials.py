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
from guardrun.cli.submitting import refuse_to_submit
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
_STILL_WRITING: Final = 5
"""So many seconds in a row in which events are written after the time was over."""
_BEGINNING: Final = 4 * 1024 * 1024
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
        refuse_to_submit(self.loaded.config.launcher)
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
        allowance = Allowance(paths.events(), begun, self.seconds)
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
                elif allowance.used_up(time.monotonic()):
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


class Allowance:
    """How long a training may go on: its own time, and some more to start, to evaluate and to end.

    One that goes on writing when its time is over does not look at its budget (a loop of its own, without
    ``run.should_stop``): it is not waited for.
    """

    def __init__(self, events: Path, begun: float, seconds: float) -> None:
        self._events = events
        self._begun = begun
        self._seconds = seconds
        self._first_word: float | None = None
        self._looked_at = begun
        self._size = 0
        self._growing = 0

    def used_up(self, now: float) -> bool:
        """Whether it is to be ended."""
        if now - self._begun > self._seconds + _STARTING_S:
            return True
        if now - self._looked_at < 1.0:
            return False
        self._looked_at = now
        size = _size(self._events)
        self._growing = self._growing + 1 if size > self._size else 0
        self._size = size
        if self._first_word is None and _has_numbers(self._events):
            self._first_word = now
        if self._first_word is None:
            return False
        return now - self._first_word > self._seconds + _GRACE_S and self._growing >= _STILL_WRITING


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _has_numbers(file: Path) -> bool:
    """Whether the training has logged its first numbers: they come soon after its other events."""
    try:
        with open(file, "rb") as opened:
            return b'"kind":"metrics"' in opened.read(_BEGINNING)
    except OSError:
        return False


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
