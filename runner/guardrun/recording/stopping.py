"""Who wants the training to stop and why; commands from ``control/``; SIGINT and SIGTERM as flags."""

from __future__ import annotations

import os
import signal
import threading
import time
from time import monotonic
from typing import TYPE_CHECKING, Any

from guardrun.events.commands import (
    ACKNOWLEDGE,
    CHECKPOINT,
    REMARK,
    STOP,
    TAG,
    BadCommand,
    Command,
    CommandInbox,
)
from guardrun.events.remarks import said_fields
from guardrun.events.schema import ACK
from guardrun.recording.cells import in_notebook
from guardrun.recording.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from guardrun.recording.session import Session

_CODES = ("", "stop:other rank", "stop:sigint", "stop:sigterm", "stop:cli", "stop:watch", "patience",
          "budget:time", "budget:steps", "budget:epochs", "budget:cost", "stop:scheduler", "stop:policy",
          "abort:nan", "abort:loss_explosion", "abort:grad_explosion")  # fmt: skip
"""Reasons as numbers for the ranks' exchange; where ranks have different ones, the highest is everybody's."""


class StopRun(SystemExit):
    """Leaves the training's loops at a step boundary; ``with guardrun.start()`` swallows it.

    A BaseException, so that a training's ``except Exception`` does not. Where nobody catches it the process
    ends quietly with exit code 0.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(None)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def status_of(reason: str) -> str:
    """The status of a run that ended for this reason.

    >>> [status_of(r) for r in ("completed", "patience", "budget:steps", "stop:cli", "abort:nan")]
    ['finished', 'finished', 'finished', 'stopped', 'aborted']
    """
    if reason.startswith("stop:"):
        return "stopped"
    return "aborted" if reason.startswith("abort:") else "finished"


def reason_of(command: Command) -> str:
    """What a stop by this command is called in run_end."""
    if command.reason.startswith(("abort:", "budget:")):
        return command.reason
    return f"stop:{command.via}"


class StopWish:
    """The first reason to stop that this rank has met, and whether all ranks leave for it now."""

    __slots__ = ("_now", "agreed", "cut", "reason")

    def __init__(self) -> None:
        self.reason = ""
        """"" while nobody wants to stop."""
        self._now = False
        self.agreed = False
        """The training is leaving, or has been told to."""
        self.cut = False
        """It leaves out of the middle of an evaluation, where nothing can be saved to go on from."""

    def ask(self, reason: str, *, now: bool = False) -> None:
        self.reason = self.reason or reason
        self._now = self._now or now

    @property
    def can_wait(self) -> bool:
        """Whether an evaluation may come first: nobody is in a hurry and nothing is wrong."""
        hurried = self.reason in ("stop:sigterm", "stop:scheduler") or status_of(self.reason) == "aborted"
        return not (self._now or hurried)

    def agree(self, code: int = 0) -> None:
        """All ranks leave; ``code`` is the reason that they agreed on."""
        common = _CODES[code] if 0 < code < len(_CODES) else ""
        if common and not (common == _CODES[1] and self.reason):
            self.reason = common
        self.agreed = True

    def code(self) -> int:
        """The reason as a number for the exchange between ranks; 0: none."""
        if not self.reason:
            return 0
        return _CODES.index(self.reason) if self.reason in _CODES else 1


class Control:
    """Commands of people, tools and the policy, as this rank sees them at its step boundaries."""

    def __init__(self, session: Session, wish: StopWish) -> None:
        self._session = session
        self._wish = wish
        self._mailbox = Mailbox(session) if session.paths else None
        self.save_wanted = False
        """A ``checkpoint`` command came in."""
        self._saves: list[str] = []
        """Ids of such commands that no checkpoint has answered yet."""

    def deaf(self) -> None:
        """Look for commands no more: the run is over, or another process's."""
        if self._mailbox is not None:
            self._mailbox.close()
        self._mailbox = None

    def poll(self, *, at_once: bool = False) -> None:
        """Acknowledge commands that came in; those of the last moment too if ``at_once``."""
        mailbox = self._mailbox
        if mailbox is None or (not at_once and monotonic() < mailbox.next_look):
            return
        for found in mailbox.take(at_once=at_once):
            if isinstance(found, BadCommand):
                self._session.note(f"control file {found.name} ignored: it {found.problem}")
            else:
                self._obey(found)

    def hears_sigint(self, heard: bool) -> None:
        """Whether SIGINT is ours; several ranks would leave an evaluation at several places."""
        self._session.cuttable = heard and self._session.rank.world_size == 1

    def discards_evaluation(self) -> bool:
        """In a signal handler, so nothing is written: whether an evaluation runs and a stop won't wait."""
        session = self._session
        if not session.evaluating or session.paths is None:
            return False
        for found in CommandInbox(session.paths, session.attempt).poll(time.time()):
            if isinstance(found, Command) and found.command == STOP and found.now:
                self._wish.ask(reason_of(found), now=True)
                self._wish.cut = True
                return True
        return False

    def _obey(self, command: Command) -> None:
        session = self._session
        facts: dict[str, Any] = {"id": command.id, "command": command.command, "via": command.via}
        if command.command == ACKNOWLEDGE:
            facts |= {"signals": command.signals, "until": command.until, "until_step": command.until_step}
        elif command.command in (REMARK, TAG):
            facts = said_fields(command)
        if command.command in (ACKNOWLEDGE, REMARK, TAG) and session.rank.rank:
            return
        session.emit(ACK, **facts, step=session.progress.now(), rank=session.rank.rank)
        if command.command == STOP:
            self._wish.ask(reason_of(command), now=command.now or command.hurry)
        elif command.command == CHECKPOINT:
            self.save_wanted = True
            self._saves.append(command.id)

    def saved(self, done: bool, why: str) -> None:
        """The boundary at which a wanted checkpoint was due is over; ``why`` not, if nothing was written."""
        asked, self._saves = self._saves, []
        if not done and not self._session.rank.rank:
            for name in asked:
                self._session.note(f"the checkpoint that was asked for was not written: {why}", command=name)


class SignalFlags:
    """SIGTERM and the first SIGINT ask for a safe stop; nothing is saved or written in a handler.

    Installed only in the main thread, outside of notebooks, and where nobody else has a handler. As long as
    training has not come to a step boundary there is nothing to save, and both act as without guard; so do
    a SIGINT when a stop is wanted already, and a second SIGTERM.
    """

    def __init__(self, wish: StopWish, at_boundaries: Callable[[], bool], control: Control) -> None:
        self._wish = wish
        self._control = control
        self._at_boundaries = at_boundaries
        self._previous: dict[int, Any] = {}
        self._terminated = False

    def install(self) -> list[str]:
        """Take the free ones; the names of those that somebody else has."""
        if threading.current_thread() is not threading.main_thread() or in_notebook():
            return []
        taken = []
        for number, free, ours in (
            (signal.SIGTERM, signal.SIG_DFL, self._on_sigterm),
            (signal.SIGINT, signal.default_int_handler, self._on_sigint),
        ):
            if signal.getsignal(number) is not free:
                taken.append(number.name)
                continue
            try:
                self._previous[number] = signal.signal(number, ours)
            except (ValueError, OSError):
                continue
        self._control.hears_sigint(signal.SIGINT in self._previous)
        return taken

    def retake(self) -> None:
        """SIGTERM is ours again, where a framework has put a handler over ours since."""
        if signal.SIGTERM in self._previous:
            try:
                signal.signal(signal.SIGTERM, self._on_sigterm)
            except (ValueError, OSError):
                pass

    def remove(self) -> None:
        """Give back what is still ours; a handler that was put over ours stays."""
        for number, previous in list(self._previous.items()):
            try:
                if getattr(signal.getsignal(number), "__self__", None) is self:
                    signal.signal(number, previous)
            except (ValueError, OSError, TypeError):
                continue
            del self._previous[number]

    def _on_sigint(self, number: int, frame: Any) -> None:
        if self._control.discards_evaluation():
            raise StopRun(self._wish.reason)
        if self._wish.reason or not self._at_boundaries():
            self._pass_on(number, frame)
            return
        self._wish.ask("stop:sigint")
        _write_stderr(b"\nguard: stopping at the next step boundary; press Ctrl-C again to interrupt now\n")

    def _on_sigterm(self, number: int, frame: Any) -> None:
        if self._terminated or not self._at_boundaries():
            self._pass_on(number, frame)
            return
        self._terminated = True
        self._wish.ask("stop:sigterm")

    def _pass_on(self, number: int, frame: Any) -> None:
        previous = self._previous.get(number, signal.SIG_DFL)
        if callable(previous):
            previous(number, frame)
            return
        signal.signal(number, previous)
        os.kill(os.getpid(), number)


def _write_stderr(text: bytes) -> None:
    """From a signal handler: print() could be in the middle of a print already."""
    try:
        os.write(2, text)
    except OSError:
        pass
