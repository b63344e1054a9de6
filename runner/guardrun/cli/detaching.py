"""A group of runs that goes on without its terminal: ``guard sweep --detach``, ``guard repeat --detach``.

What starts the siblings one after the other is then a process of its own session, so that neither a closed
terminal nor the end of an SSH connection reaches it. What it would have printed goes to a log.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from guardrun.errors import UserError
from guardrun.events.own_folder import own_folder

_STARTED: Final = b"started"
_UNFIT: Final = re.compile(r"[^\w.-]+")


class Detached(NamedTuple):
    """The process that goes on, and where it writes what it has to say."""

    pid: int
    log: Path
    started: bool
    """False: it ended before it had started a run; its log says why."""


def new_log(runs_dir: Path, group: str) -> Path:
    """A log beside the runs folder, which holds nothing but runs. Raises UserError."""
    name = _UNFIT.sub("-", group)[:80].strip("-.") or "group"
    try:
        place = own_folder(runs_dir.absolute().parent, "groups")
        log = place / f"{name}-{time.strftime('%m%d-%H%M%S')}-{os.getpid()}.log"
        log.touch(exist_ok=False)
    except OSError as error:
        raise UserError(
            f"a detached group needs a log, and none can be written beside {runs_dir}: "
            f"{error.strerror or error}",
            hint="without --detach it prints to the terminal; tmux keeps that alive",
        ) from error
    return log


def detach(work: Callable[[Callable[[], None]], int], log: Path) -> Detached:
    """Do ``work`` in a process of its own session and wait until it says that a run has started.

    ``work`` gets the function to call then, and returns the process's exit code.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _leave(work, log, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        started = told.read() == _STARTED
    return Detached(pid, log, started)


def _leave(work: Callable[[Callable[[], None]], int], log: Path, writing: int) -> None:
    """The child: never returns."""
    code = 1
    try:
        os.setsid()
        nothing, output = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        code = work(_once(writing))
    except UserError as error:
        print(f"guard: {error.message}", file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _once(writing: int) -> Callable[[], None]:
    """Tells the launcher, the first time that it is called, and lets it go."""
    open_ends = [writing]

    def tell() -> None:
        while open_ends:
            end = open_ends.pop()
            try:
                os.write(end, _STARTED)
            except OSError:
                pass  # the launcher is gone already
            os.close(end)

    return tell
