"""The dashboard in a real terminal (tmux), over real files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid

import pytest

from guardrun.events.commands import read_command
from run_factory import RunWriter
from waiting import wait_for

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]


class Terminal:
    """One tmux server of its own with one window."""

    def __init__(
        self, command: list[str], *, width: int = 80, height: int = 24, log: str = "", **env: str
    ) -> None:
        self.socket = f"guard-test-{uuid.uuid4().hex[:8]}"
        words = ["env", *(f"{key}={value}" for key, value in env.items()), *command]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), *words)
        if log:
            self._tmux("pipe-pane", "-o", f"cat > {log}")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", self.socket, *words],
            capture_output=True,
            timeout=20,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        return done.stdout.decode("utf-8", "replace")

    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def title(self) -> str:
        return self._tmux("display-message", "-p", "#{pane_title}").strip()

    def press(self, *keys: str) -> None:
        for key in keys:
            self._tmux("send-keys", key)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def shows(self, *texts: str) -> str:
        return wait_for(
            lambda: (seen := self.text()) and all(text in seen for text in texts) and seen,
            30,
            what=str(texts),
        )

    def gone(self) -> bool:
        return not self._tmux("list-sessions")

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def terminal(request):
    opened: list[Terminal] = []

    def open_(command: list[str], **options) -> Terminal:
        opened.append(Terminal(command, **options))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def watch(*words: str) -> list[str]:
    return [sys.executable, "-m", "guardrun.cli.main", "watch", *words]


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    over = RunWriter(folder, "[red]x[/]\x1b]0;pwned\x07\x1b[2J", suffix="0002", t=time.time() - 90_000)
    over.start()
    over.train(60)
    over.evaluate()
    over.console("\x1b]0;pwned\x07\x1b[31mred\x1b[0m [bold]markup[/] done\n")
    over.signal("nan", severity="act", message="\x1b]0;pwned\x07 NaN")
    over.end("failed", "exception")
    return folder


def test_watch_from_the_list_to_the_stages_of_a_stop(terminal, runs):
    """Start, open a run, resize, stop it safely, see the stages, and leave; all with real keys."""
    live = RunWriter(runs, "digits", suffix="0001", t=time.time() - 20)
    live.start()
    live.supervise()
    live.train(300)
    live.evaluate()
    live.checkpoint()
    screen = terminal(watch(str(runs)))
    screen.shows("digits", "● running", "s stop safely")

    screen.press("G", "Enter")
    screen.shows("digits", "step 300 of 1,000", "loss")
    screen.resize(200, 50)
    screen.shows("gradient norm", "learning rate", "step and data time")
    screen.press("s")
    screen.shows("Safe stop", "best checkpoint stays: step 300")
    screen.press("y")
    control = live.paths.control
    wait_for(lambda: any(control.iterdir()), what="a command file")
    live.t = time.time()
    live.stage("requested", after=0)
    live.stage("acknowledged")
    live.stage("saved")
    screen.shows("✓ seen by the training  0.2s", "✓ last checkpoint written")
    screen.press("Escape")  # with another key right behind it, it would be Alt and that key
    wait_for(lambda: "Safe stop" not in screen.text())
    screen.press("q")
    wait_for(screen.gone, what="the end of the dashboard")

    (command,) = [read_command(each) for each in control.iterdir()]
    assert (command.command, command.via) == ("stop", "watch")


def test_no_escape_sequence_of_a_run_reaches_the_terminal(terminal, runs, tmp_path):
    """Names, messages and output that set titles and clear screens arrive as harmless text."""
    log = tmp_path / "bytes"
    screen = terminal(watch(str(runs)), log=str(log))
    screen.shows("[red]x[/]")
    screen.press("Enter")
    screen.shows("[red]x[/]", "red [bold]markup[/] done")
    screen.press("2")
    screen.shows("NaN")
    screen.press("q")
    wait_for(screen.gone)

    sent = log.read_bytes()
    assert b"pwned" not in sent
    assert "pwned" not in screen.title()


@pytest.mark.parametrize(
    "env", [{"NO_COLOR": "1"}, {"GUARD_ASCII": "1"}, {"GUARD_THEME": "terminal"}], ids=str
)
def test_plain_terminals_get_a_dashboard_too(terminal, runs, env, tmp_path):
    log = tmp_path / "bytes"
    screen = terminal(watch(str(runs)), log=str(log), **env)
    screen.shows("failed", "[red]x[/]")
    screen.press("Enter")
    text = screen.shows("train", "[bold]markup[/]")
    screen.press("q")
    wait_for(screen.gone)

    if "GUARD_ASCII" in env:
        assert text.isascii()
    if "NO_COLOR" in env:
        assert b"38;2;" not in log.read_bytes()
        assert b"38;5;" not in log.read_bytes()


def test_an_idle_screen_sends_nothing(terminal, runs, tmp_path):
    """Runs that are over cost no byte of an SSH connection."""
    log = tmp_path / "bytes"
    screen = terminal(watch(str(runs)), log=str(log))
    screen.shows("[red]x[/]")
    screen.press("Enter")
    screen.shows("loss", "[bold]markup[/]")
    # What sends by itself, sends every second: there would never be so long a silence.
    wait_for(lambda: _is_silent(log, 2.5), 30)


def _is_silent(log, seconds):
    before = log.stat().st_size
    time.sleep(seconds)
    return log.stat().st_size == before
