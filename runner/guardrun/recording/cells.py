"""The cells of a notebook: what one leaves behind is told, and between two of them a stop is heard.

A notebook's process, like IPython in a terminal, outlives its trainings, shows exceptions itself and goes on.
So neither the end of the process nor its exception hook tell what became of a run; the ends of cells do.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from guardrun.events.schema import PHASE
from guardrun.recording.session import failure_of, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from guardrun.recording.run import Run

_LISTEN_S: Final = 0.5
"""Between two looks for a stop while no cell runs."""


def shell() -> Any:
    """IPython's shell, of a notebook or in a terminal; None in a script."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel, and not only a script that has loaded one's package."""
    return getattr(shell(), "kernel", None) is not None


class Cells:
    """Watches every cell of this process. ``runs`` gives the open runs, innermost last."""

    def __init__(self, runs: Callable[[], Sequence[Run]]) -> None:
        self._runs = runs
        self._depth = int(_within_cell())
        """Cells that run now: one may run others."""
        self._before: dict[int, tuple[int, ...]] = {}
        """How far each open run had come when the outermost cell began."""
        self._between = threading.Lock()
        """Held by whoever looks after the runs while no cell runs."""
        self._wake = threading.Event()
        self._listener: threading.Thread | None = None

    def watch(self) -> bool:
        """Have IPython tell of its cells; False where there is none to do so."""
        found = shell()
        if found is None:
            return False
        found.events.register("pre_run_cell", self.begins)
        found.events.register("post_run_cell", self.ends)
        return True

    def begins(self, info: Any = None) -> None:
        with self._between:
            self._depth += 1
        if self._depth == 1:
            self._before = {id(run): _place(run) for run in self._runs()}

    def ends(self, result: Any = None) -> None:
        """A cell is over; the error that ended it, if one did, is the training's where it trained."""
        error = getattr(result, "error_in_exec", None)
        for run in reversed(list(self._runs())):
            if run._wish.agreed:  # as where a script ends after its loop was left
                _end(run)
            elif error is not None and self._before.get(id(run)) != _place(run):
                _leave_open(run, error)
            if run._open:
                _rest(run)
        with self._between:
            self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._runs():
            self._listen()

    def _listen(self) -> None:
        self._wake.set()
        if self._listener is None or not self._listener.is_alive():
            self._listener = threading.Thread(target=self._hear, name="guard-cells", daemon=True)
            self._listener.start()

    def _hear(self) -> None:
        """While runs are open and no cell runs: a stop that somebody asks for is obeyed here."""
        while self._runs():
            self._wake.wait(_LISTEN_S)
            self._wake.clear()
            with self._between:
                if self._depth == 0:
                    for run in reversed(list(self._runs())):
                        _obey(run)


def _place(run: Run) -> tuple[int, ...]:
    """Grows with whatever is trained: a step, an epoch, a loop that only began."""
    return run.step, run.epoch, run._loops.begun


def _rest(run: Run) -> None:
    """Nothing is trained until a number comes again: a silence from here on is no hang."""
    log = run._metric_log
    if run.step and log.before_first is None:
        run._session.emit(PHASE, phase="idle", epoch=run.epoch)
        log.before_first = lambda: run._session.emit(PHASE, phase="train", epoch=run.epoch)


def _within_cell() -> bool:
    """Whether it is a cell that calls us, and no callback of a widget."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "run_code" and "IPython" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def _leave_open(run: Run, error: BaseException) -> None:
    """Of the error only what is told is kept: its traceback holds the cell's tensors."""
    run._left_by = (ending_of(error), _place(run))
    interrupted = isinstance(error, KeyboardInterrupt)
    what = "its cell was interrupted" if interrupted else f"its cell ended by {type(error).__name__}"
    run._session.note(f"{what} at step {run.step}")
    say(
        f"{what} at step {run.step}; the run {run.id} stays open: train on, or end it by run.finish() "
        "or the next guardrun.start()"
    )


def ending_of(error: BaseException) -> dict[str, Any]:
    """``run_end``'s fields for an error that ended the training. A cell is interrupted by a person."""
    if isinstance(error, KeyboardInterrupt) and shell() is not None:
        return {"status": "stopped", "reason": "stop:sigint"}
    return failure_of(error)


def left_by(run: Run) -> dict[str, Any] | None:
    """How the run ends if nothing comes any more, where an error ended the cell that trained last."""
    fields, place = run._left_by or (None, None)
    return None if run._wish.agreed or place != _place(run) else fields


def _obey(run: Run) -> None:
    """See to commands. After a cell that was left within a step there are no whole weights to save."""
    run._control.poll()
    if not run.stop_reason:
        return
    if left_by(run) is None:
        _ = run.should_stop  # a boundary like any other: saves, calls the hooks
    run._wish.agree()
    _end(run)


def _end(run: Run) -> None:
    run.finish()
    say(f"the run {run.id} is over at step {run.step}: {run.stop_reason}")
