"""The dashboard in GNU screen, which has its own terminal inside and its own way to pass keys on."""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid

import pytest

from pty_terminal import PtyTerminal, watch_command
from run_factory import RunWriter
from waiting import wait_for

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("screen") is None, reason="needs GNU screen"),
]


@pytest.fixture
def inside(tmp_path):
    """``guard watch`` in a session of its own: the terminal around it, and what its window shows."""
    run = RunWriter(tmp_path / "runs", "digits", t=time.time() - 9000)
    run.start()
    run.train(200)
    run.evaluate()
    run.signal("nan", severity="act", action="abort", message="NaN at last")
    run.end("aborted", "abort:nan")
    # The path of a socket may have no more than some hundred bytes.
    sockets = f"/tmp/guard-screen-{uuid.uuid4().hex[:8]}"
    opened: list[PtyTerminal] = []

    def begin(term: str):
        rc = tmp_path / "screenrc"
        rc.write_text(f"startup_message off\nterm {term}\ndefutf8 on\naltscreen on\n")
        env = {"SCREENDIR": sockets, "XDG_CONFIG_HOME": str(tmp_path / "config"), "COLORTERM": ""}
        command = [shutil.which("screen"), "-U", "-c", str(rc), "-S", "guard"]
        opened.append(PtyTerminal([*command, *watch_command(str(tmp_path / "runs"))], **env))
        copy = tmp_path / "hardcopy"

        def shown() -> str:
            subprocess.run(
                ["screen", "-S", "guard", "-X", "hardcopy", str(copy)],
                env={"SCREENDIR": sockets, "PATH": "/usr/bin:/bin"},
                check=False, capture_output=True, timeout=20,
            )  # fmt: skip
            return copy.read_bytes().decode("utf-8", "replace") if copy.exists() else ""

        return opened[-1], shown

    subprocess.run(["mkdir", "-m", "700", sockets], check=True)
    yield begin
    for each in opened:
        each.close()
    subprocess.run(
        ["screen", "-S", "guard", "-X", "quit"],
        env={"SCREENDIR": sockets, "PATH": "/usr/bin:/bin"},
        check=False, capture_output=True, timeout=20,
    )  # fmt: skip
    shutil.rmtree(sockets, ignore_errors=True)


@pytest.mark.parametrize("term", ["screen", "screen-256color"])
def test_in_gnu_screen_it_is_drawn_and_answers_keys(inside, term):
    terminal, shown = inside(term)

    def sees(*texts: str) -> str:
        return wait_for(
            lambda: (seen := shown()) and all(text in seen for text in texts) and seen,
            30,
            what=f"{texts} in {shown()}",
        )

    first = sees("digits", "aborted", "q quit")
    assert len(first.rstrip("\n").split("\n")) == 24
    terminal.type("\x1b[B", "\r")
    sees("step 200 of 1,000", "loss")
    terminal.type("2")
    sees("NaN at last")
    terminal.type("\x1b")
    sees("loss")
    terminal.type("\x1b")
    sees("STATUS")
    terminal.type("q")

    assert terminal.ended() == 0
    assert b"Traceback" not in terminal.sent
