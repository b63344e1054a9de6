"""The real supervisor in a fork, whose training and proofs are forks too instead of new interpreters."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

import psutil

from benchmarks.faults.forking import quietly
from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.prove import prove
from guardrun.supervising import supervisor as supervising
from guardrun.supervising.launching import OwnTraining
from guardrun.supervising.proving import Prover
from guardrun.supervising.tempo import Tempo

TEMPO: Final = Tempo(turn=0.02, tick=0.2, sample=0.5, remember=0.2, leftover_grace=0.3, unkillable=10.0)


class _Fork:
    """A fork as the supervisor waits for it, in place of a command that it would start."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


def supervise(paths: RunPaths, launch: Callable[[], None]) -> None:
    """`guard run`'s supervisor of a training that calls ``launch``; ends this process with its exit code."""

    def start(*_: object, **__: object) -> OwnTraining:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            as_training(paths, launch)
        return OwnTraining(_Fork(pid), own_session=True)  # type: ignore[arg-type]

    supervising.start_training = start  # type: ignore[attr-defined]
    _supervise(paths, attach=False)


def attach(paths: RunPaths) -> None:
    """`guard run --attach`'s supervisor; ends this process with its exit code."""
    _supervise(paths, attach=True)


def _supervise(paths: RunPaths, *, attach: bool) -> None:
    def ask(self: Prover, python: str, role: str, level: str) -> tuple[dict[str, Any], str]:
        return prove(paths, role, level), ""

    quietly(paths.root / "supervisor.log")
    Prover._ask = ask  # type: ignore[method-assign]
    os._exit(supervising.run_supervisor(paths, 1, attach=attach, tempo=TEMPO))


def as_training(paths: RunPaths, launch: Callable[[], None]) -> None:
    """Become the training, in a session of its own; ends this process with its exit code."""
    code = 1
    try:
        os.setsid()
        quietly(paths.console)
        launch()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(code)


def orphans() -> list[str]:
    """What is left of a trial's processes below this one, a subreaper; it is ended."""
    told = []
    for process in psutil.Process().children(recursive=True):
        try:
            told.append(f"orphan {process.pid}: {' '.join(process.cmdline())[:80]}")
            process.send_signal(signal.SIGKILL)
            process.wait(5)
        except psutil.Error:
            continue
    return told
