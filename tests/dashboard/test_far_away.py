"""Plain SSH over a line of 200 ms each way, on which bytes come apart: a run, the dialog of a stop, back."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

import pytest

from guardrun.events.commands import read_command
from pty_terminal import PtyTerminal, watch_command
from run_factory import RunWriter
from waiting import wait_for

pytestmark = pytest.mark.terminal

LATE_S = 0.2
ROOM = 700
"""Bytes that the line takes at once: a packet holds part of a picture."""


def relay(command: list[str]) -> int:
    """Run the command on a pty inside this one; each byte passes ``LATE_S`` late, keys one by one."""
    import fcntl
    import pty
    import termios
    import tty

    size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
    pid, inner = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, size)
        os.execvp(command[0], command)
    tty.setraw(0)
    ways: dict[int, tuple[int, int]] = {0: (inner, 1), inner: (1, ROOM)}
    late: list[tuple[float, int, bytes]] = []
    while inner in ways or late:
        now = time.monotonic()
        while late and late[0][0] <= now:
            _, to, data = late.pop(0)
            os.write(to, data)
            time.sleep(0.002)
        ready = select.select(list(ways), [], [], 0.01)[0]
        for source in ready:
            to, most = ways[source]
            try:
                data = os.read(source, 4096)
            except OSError:
                data = b""
            if not data:
                del ways[source]
            pieces = [data[at : at + most] for at in range(0, len(data), most)]
            late += [(time.monotonic() + LATE_S, to, piece) for piece in pieces]
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def far(tmp_path):
    """The run, and the terminal at the other end of the line."""
    run = RunWriter(tmp_path / "runs", "digits", t=time.time() - 20)
    run.start()
    run.supervise()
    run.train(300)
    run.evaluate()
    run.checkpoint()
    command = [sys.executable, str(Path(__file__)), *watch_command(str(tmp_path / "runs"))]
    terminal = PtyTerminal(
        command,
        SSH_CONNECTION="10.0.0.1 1 10.0.0.2 22",
        SSH_TTY="/dev/pts/9",
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        PYTHONPATH=os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]),
    )
    yield run, terminal
    terminal.close()


def test_a_run_is_opened_its_stop_is_asked_and_cancelled_and_then_asked_for_good(far):
    run, terminal = far
    terminal.sees("digits", "running", "q quit")
    terminal.type("\x1b[B", "\x1b[A", "\r")
    terminal.sees("step 300 of 1,000", "loss")
    terminal.type("s")
    terminal.sees("Safe stop", "best checkpoint stays: step 300")
    terminal.type("\x1b")
    terminal.sees("step 300 of 1,000", without="Safe stop")
    assert not list(run.paths.control.iterdir()), "nothing is asked of a run by a dialog that was left"

    terminal.type("2", "\x1b", "\x1b", "/", "digits\r")  # as fast as they come
    terminal.sees("STATUS", "1 of 1")
    terminal.type("s")
    terminal.sees("Safe stop")
    terminal.type("y")
    (asked,) = wait_for(lambda: list(run.paths.control.iterdir()), what="a command file")
    assert read_command(asked).command == "stop"
    terminal.type("\x1b", "q")

    assert terminal.ended() == 0
    assert b"Traceback" not in terminal.sent


if __name__ == "__main__":
    sys.exit(relay(sys.argv[1:]))
