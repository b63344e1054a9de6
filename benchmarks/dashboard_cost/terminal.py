"""A program in a pseudo-terminal: what it sends and when, what it costs, what it shows."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import psutil

from benchmarks.dashboard_cost.screen import Screen

_PATIENCE_S: Final = 60.0


class NeverShown(Exception):
    """What was waited for did not come; the message holds the screen."""


class Terminal:
    """Runs ``command`` at ``width`` by ``height`` cells until closed. Times are ``time.monotonic()``."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        width: int = 120,
        height: int = 40,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = Screen(width, height)
        self.started = time.monotonic()
        self.sent = 0
        """Bytes that came so far."""
        self._chunks: list[tuple[float, bytes]] = []
        self._taken = 0
        self._news = threading.Condition()
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            self._become(command, {**os.environ, **(env or {})})
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @staticmethod
    def _become(command: Sequence[str], env: dict[str, str]) -> None:
        # The size is set by the parent; a program that starts sooner would see none.
        while struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8))[0] == 0:
            time.sleep(0.001)
        for name in ("LINES", "COLUMNS"):  # they outrank the terminal's own size
            env.pop(name, None)
        env.update(TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8")
        try:
            os.execvpe(command[0], list(command), env)
        finally:
            os._exit(127)

    def _read(self) -> None:
        while True:
            try:
                if not select.select([self._master], [], [], 1.0)[0]:
                    continue
                data = os.read(self._master, 65536)
            except (OSError, ValueError):
                data = b""
            with self._news:
                self._chunks.append((time.monotonic(), data))
                self.sent += len(data)
                self._news.notify_all()
            if not data:
                return

    @property
    def everything(self) -> str:
        """All that was sent."""
        with self._news:
            return b"".join(data for _, data in self._chunks).decode("utf-8", "replace")

    def press(self, keys: str) -> float:
        """Send keys; when."""
        at = time.monotonic()
        os.write(self._master, keys.encode())
        return at

    def next_byte(self, after: float, patience: float = _PATIENCE_S) -> float:
        """When the first byte came after that time."""
        with self._news:
            found = self._news.wait_for(lambda: self._chunks and self._chunks[-1][0] > after, patience)
            if not found:
                raise NeverShown("nothing was sent")
            return next(at for at, _ in self._chunks if at > after)

    def when(self, predicate: Callable[[str], object], patience: float = _PATIENCE_S) -> float:
        """When the screen first satisfied the predicate; the screen is looked at after every piece sent."""
        if predicate(self.screen.text):
            return time.monotonic()
        deadline = time.monotonic() + patience
        while True:
            with self._news:
                self._news.wait_for(lambda: self._taken < len(self._chunks), 0.2)
                fresh = self._chunks[self._taken :]
            for at, data in fresh:
                self._taken += 1
                self.screen.feed(data)
                if predicate(self.screen.text):
                    return at
            # Patience is with the program: what it sent in time is looked at, however long that takes.
            late = time.monotonic() > deadline and not (fresh and fresh[-1][0] <= deadline)
            if late or (fresh and not fresh[-1][1]):
                raise NeverShown(f"never came to pass; the screen:\n{self.screen.text}")

    def look(self) -> str:
        """The screen after all that came so far."""
        with self._news:
            fresh = self._chunks[self._taken :]
        for _, data in fresh:
            self._taken += 1
            self.screen.feed(data)
        return self.screen.text

    def shows(self, *texts: str, patience: float = _PATIENCE_S) -> float:
        """When all these texts stood on the screen."""
        return self.when(lambda seen: all(text in seen for text in texts), patience)

    def settle(self, quiet: float = 1.5, patience: float = _PATIENCE_S) -> None:
        """Wait until nothing was sent for so many seconds, or patience ends."""
        deadline = time.monotonic() + patience
        before = -1
        while before != self.sent and time.monotonic() < deadline:
            before = self.sent
            time.sleep(quiet)

    def processor_seconds(self) -> float:
        """Processor time so far of all threads of the program and of those it started."""
        spent = 0
        for pid in self._processes():
            for task in Path(f"/proc/{pid}/task").iterdir():
                spent += int((task / "schedstat").read_text().split()[0])
        return spent / 1e9

    def _processes(self) -> list[int]:
        return [self.pid, *(child.pid for child in psutil.Process(self.pid).children(recursive=True))]

    def megabytes(self, what: str = "VmRSS") -> float:
        """Resident memory now (VmRSS) or at most (VmHWM), of the program and those it started."""
        found = 0
        for pid in self._processes():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                found += int(line.split()[1]) if line.startswith(what) else 0
        return found / 1024

    def close(self) -> None:
        """End the program."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(self.pid, sign)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    # A number that is free is the next terminal's: nobody must read from it any more.
                    self._reader.join()
                    os.close(self._master)
                    return
                time.sleep(0.02)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
