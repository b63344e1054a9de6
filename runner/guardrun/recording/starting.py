"""``guardrun.start()``: one run at a time in a process, whatever the process does."""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any

from guardrun.recording.cells import Cells
from guardrun.recording.opening import Asked, open_session
from guardrun.recording.run import Run
from guardrun.recording.session import say
from guardrun.recording.stopping import StopRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType


class _Process:
    """What this process has started."""

    def __init__(self) -> None:
        self.open: list[Run] = []
        """Innermost last."""
        self.started = 0
        self.joined = False
        self.hooked = False
        self.watched = False
        """IPython tells of its cells."""
        self.exception_hook: Callable[..., Any] | None = None
        """The newest of ours."""


_process = _Process()


def start(
    name: str | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    monitor: str | None = None,
    mode: str | None = None,
    runs_dir: str | os.PathLike[str] | None = None,
    group: str | None = None,
) -> Run:
    """Begin to record this training.

    Under `guard run` this joins its run; alone it makes ``runs/<id>`` (elsewhere by ``runs_dir`` or
    GUARDRUN_RUNS_DIR). ``config`` holds the script's own defaults: sections like ``params``, ``seed``,
    ``monitor``, ``stop``, or plain parameters; a launcher's configuration outranks them. ``monitor`` is the
    metric that decides which checkpoint is best, ``mode`` says whether "min" or "max" of it is.

    Use it as ``with guardrun.start() as run:``; without ``with`` the run ends with the process. A second
    start() in a process closes the first run; under `guard run`, where the first is the launcher's, it makes
    a separate run beside it. Raises UserError for arguments that make no sense.
    """
    asked = Asked(name, config, monitor, mode, runs_dir, group)
    launched = "GUARDRUN_DIR" in os.environ
    join = launched and not _process.joined
    parent = None
    if _process.open and not launched:
        outer = _process.open[-1]
        outer._session.note("closed by a second guardrun.start() in this process")
        say(f"a second start() closes the run {outer.id}")
        outer.finish()
    elif _process.open:
        parent = _process.open[0].id
        _process.open[0]._session.note("a second guardrun.start() in this process makes a run of its own")
    opened = open_session(asked, ordinal=_process.started, parent=parent, join=join)
    _process.started += 1
    _process.joined = _process.joined or opened.session.supervised
    _install_hooks()
    run = Run(opened, _ended)
    _process.open.append(run)
    return run


def current_run() -> Run | None:
    """The run that this process has open, the innermost one; None when there is none."""
    return _process.open[-1] if _process.open else None


def _ended(run: Run) -> None:
    if run in _process.open:
        _process.open.remove(run)


def _install_hooks() -> None:
    """Once a process: its end, an exception that nobody catches, forks, and a notebook's cells."""
    if not _process.hooked:
        _process.hooked = True
        atexit.register(_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_child)
    if not _process.watched:
        _process.watched = Cells(lambda: _process.open).watch()
    if sys.excepthook is not _process.exception_hook:
        _process.exception_hook = sys.excepthook = _recording_before(sys.excepthook)


def _at_exit() -> None:
    for run in reversed(list(_process.open)):
        run._process_ends()


def _recording_before(previous: Callable[..., Any]) -> Callable[..., Any]:
    """A hook that records the failure, then lets the exception be shown as it would have been.

    Each has its own ``previous``: somebody's hook over an earlier one of ours may call that in turn.
    """

    def on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        try:
            if not issubclass(kind, StopRun):
                for run in reversed(list(_process.open)):
                    run.finish(error)
        finally:
            previous(kind, error, trace)

    return on_exception


def _in_child() -> None:
    """A forked child (a DataLoader's worker) never writes into its parent's run."""
    runs, _process.open = _process.open, []
    for run in runs:
        run._abandon()
