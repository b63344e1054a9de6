"""One trial in its limits: no exception but a refusal in words, at most five seconds, at most 500 MB."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Final

from guardrun.cli.main import run as run_command
from guardrun.errors import UserError

LONGEST_S: Final = 5.0
"""Processor time of this process; a busy neighbour is no hang."""
PATIENCE_S: Final = 60.0
"""For a trial that waits for something that never comes."""
MOST_MB: Final = 500


class Hang(BaseException):
    """A trial did not end in time; no ``except Exception`` holds it."""


def in_memory() -> str | None:
    """Where files cost no disk; None for the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def peak_mb() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def within_limits(trial: Callable[[], object], *, memory_before: int) -> str:
    """What was violated; "" when the trial ended, in a refusal in words or well."""
    try:
        with _alarms():
            trial()
    except UserError as error:
        return "" if error.message.strip() else "a refusal without words"
    except Hang:
        return f"no end within {LONGEST_S:g} s of computing or {PATIENCE_S:g} s in all: {_where()}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]!r} {_where()}"
    grown = peak_mb() - memory_before
    return f"{grown} MB of memory" if grown > MOST_MB else ""


def _where() -> str:
    frames = traceback.extract_tb(sys.exc_info()[2])[-4:]
    return " < ".join(f"{os.path.basename(one.filename)}:{one.lineno}" for one in reversed(frames))


@contextlib.contextmanager
def _alarms() -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise Hang

    before = {number: signal.signal(number, ring) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def command(*words: str) -> str:
    """What `guard` prints, both streams together; an exception that it lets through is raised."""
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape", write_through=True)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        run_command(list(words))
    printed.flush()
    buffer = printed.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "surrogateescape")
