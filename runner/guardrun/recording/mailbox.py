"""The run directory looked at between two steps: new commands, and whether it is still there."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from guardrun.events.commands import CommandInbox
from guardrun.recording.run_folder import RunFolder

if TYPE_CHECKING:
    from guardrun.events.commands import BadCommand, Command
    from guardrun.recording.session import Session

POLL_S = 0.1
"""The control folder is listed at most this often."""
_SLOW_LOOK_S = 0.005
_SLOW_IN_A_ROW = 5
_PATIENCE_S = 1.0


class Mailbox:
    """Looks from the training's own thread as long as that costs microseconds, else from one of its own.

    On a network file system, and on a disk that has become as slow, a look may take seconds or never come
    back: the training hears of commands later then, and waits for none.
    """

    def __init__(self, session: Session) -> None:
        assert session.paths is not None
        self._session = session
        self._inbox = CommandInbox(session.paths, session.attempt)
        self._folder = RunFolder(session)
        self._slow = 0
        self._found: deque[Command | BadCommand] = deque()
        self._looks = 0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.next_look = 0.0
        """By the monotonic clock; until then there is nothing to take. 0: there may be at any time."""
        if session.writer.delay_s > 0:
            self._listen()

    def take(self, *, at_once: bool = False) -> list[Command | BadCommand]:
        """What has come in; the folder is looked at every POLL_S seconds, and now if ``at_once``."""
        if self._thread is not None:
            if at_once:
                self._wait_for_look()
            found = list(self._found)
            for _ in found:
                self._found.popleft()
            return found
        now = time.monotonic()
        if now < self.next_look and not at_once:
            return []
        self.next_look = now + POLL_S
        found = self._look()
        self._slow = self._slow + 1 if time.monotonic() - now > _SLOW_LOOK_S else 0
        if self._slow >= _SLOW_IN_A_ROW:
            self._listen()
        return found

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._wake.set()

    def _look(self) -> list[Command | BadCommand]:
        self._folder.look()
        return self._inbox.poll(time.time())

    def _listen(self) -> None:
        self.next_look = 0.0
        self._thread = threading.Thread(target=self._look_often, name="guard-control", daemon=True)
        self._thread.start()

    def _look_often(self) -> None:
        while not self._closed and not self._session.inert:
            self._found.extend(self._look())
            self._looks += 1
            self._wake.wait(POLL_S)
            self._wake.clear()

    def _wait_for_look(self) -> None:
        """One look that begins from now on, unless the file system does not answer."""
        target, until = self._looks + 2, time.monotonic() + _PATIENCE_S
        while self._looks < target and time.monotonic() < until:
            self._wake.set()
            time.sleep(0.002)
