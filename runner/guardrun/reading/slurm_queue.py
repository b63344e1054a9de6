"""What Slurm says of the user's jobs: one question for all of them, asked again only after a while."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from typing import Final

GONE: Final = "gone"
"""The job is not in the queue: it is over, or was taken out."""
WAITING: Final = frozenset(("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"))
"""States in which no process of the job is there."""

_AGAIN_S: Final = 15.0
_AFTER_A_FAILURE_S: Final = 120.0
_PATIENCE_S: Final = 5.0


def ask_squeue() -> str | None:
    """``JOBID STATE`` a line for each of this user's jobs; None where Slurm does not answer."""
    try:
        done = subprocess.run(
            ["squeue", "--me", "--noheader", "--format=%A %T"],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout


class SlurmQueue:
    """The states of this user's jobs, at most ``_AGAIN_S`` old. Never raises; safe between threads."""

    def __init__(
        self, ask: Callable[[], str | None] = ask_squeue, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._states: dict[str, str] | None = None
        self._due = float("-inf")

    def state_of(self, job: str) -> str:
        """``PENDING``, ``RUNNING`` …; ``GONE``; "" where Slurm can't be asked from here."""
        with self._lock:
            now = self._clock()
            if now >= self._due:
                self._states = _parsed(self._ask())
                self._due = self._clock() + (_AGAIN_S if self._states is not None else _AFTER_A_FAILURE_S)
            if self._states is None:
                return ""
            return self._states.get(job, GONE)

    def forget(self) -> None:
        """Ask anew the next time: something was done to the queue."""
        with self._lock:
            self._due = float("-inf")


def _parsed(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    lines = (line.split() for line in text.splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2}


QUEUE: Final = SlurmQueue()
"""This process's own."""
