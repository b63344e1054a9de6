"""A program on a pseudo terminal of its own: every byte that it sends, and keys that arrive as one likes."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import threading
import time

from benchmarks.dashboard_cost.screen import Screen

from waiting import wait_for

CLEAN = ("NO_COLOR", "COLORTERM", "GUARD_ASCII", "GUARD_THEME", "GUARD_CHARTS", "TMUX", "TERM_PROGRAM",
         "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES", "SSH_CONNECTION", "SSH_TTY", "STY")  # fmt: skip


class PtyTerminal:
    """One process on one terminal."""

    def __init__(self, command: list[str], *, width: int = 80, height: int = 24, **env: str) -> None:
        environ = {key: value for key, value in os.environ.items() if key not in CLEAN}
        environ.update({"TERM": "xterm-256color", "LANG": "C.UTF-8"} | env)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
                os.execve(command[0], command, environ)
            finally:
                os._exit(127)
        self.sent = bytearray()
        self._screen, self._fed = Screen(width, height), 0
        self.code: int | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.sent += data
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def resize(self, width: int, height: int) -> None:
        """As a person drags the corner of a window."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, *pieces: str, apart_s: float = 0.0) -> None:
        """Send bytes, each piece so long after the one before."""
        for number, piece in enumerate(pieces):
            time.sleep(apart_s if number else 0.0)
            os.write(self.fd, piece.encode())

    def shows(self, *texts: str, after: int = 0) -> bytes:
        """Wait until these texts were sent after byte ``after``; everything since then."""
        wanted = [text.encode() for text in texts]
        wait_for(
            lambda: self.code is not None or all(text in self.sent[after:] for text in wanted),
            30,
            what=f"{texts} in {bytes(self.sent[-300:])!r}",
        )
        assert all(text in self.sent[after:] for text in wanted), bytes(self.sent[-2000:]).decode()
        return bytes(self.sent[after:])

    def text(self) -> str:
        """What is on the screen; of one whose size stays."""
        news = bytes(self.sent[self._fed :])
        self._fed += len(news)
        self._screen.feed(news)
        return self._screen.text

    def sees(self, *texts: str, without: str | None = None) -> str:
        """Wait until these are on the screen together, and ``without`` isn't; the screen."""

        def there() -> bool:
            seen = self.text()
            return all(text in seen for text in texts) and (without is None or without not in seen)

        try:
            wait_for(lambda: self.code is not None or there(), 15)
        except AssertionError:
            pass
        assert there(), f"{texts}, without {without}, ended: {self.code}, in\n{self.text()}"
        return self.text()

    def settled(self, quiet_s: float = 0.7) -> int:
        """The number of bytes once nothing has come for a while."""
        size, since = -1, time.monotonic()
        while time.monotonic() - since < quiet_s:
            if len(self.sent) != size:
                size, since = len(self.sent), time.monotonic()
            time.sleep(0.02)
        return size

    def ended(self) -> int:
        """Wait for its end; its exit code."""
        wait_for(lambda: not self._reader.is_alive(), 30, what="the end")
        assert self.code is not None
        return self.code

    def close(self) -> None:
        """End it."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reader.join(5)
        os.close(self.fd)


def watch_command(*words: str) -> list[str]:
    """``guard watch``."""
    return [sys.executable, "-m", "guardrun.cli.main", "watch", *words]
