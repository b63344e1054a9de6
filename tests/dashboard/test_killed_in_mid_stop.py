"""A dashboard that is killed with its terminal after a stop was confirmed: the stop finishes all the same."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from guard_process import events, guard, only_run, processes_of, wait_for_step
from pty_terminal import PtyTerminal, watch_command
from waiting import wait_for

SAVES_SLOWLY = """
import os, sys, time
import guardrun

with guardrun.start() as run:
    @run.on_stop
    def save(step):
        while not os.path.exists("go-on"):
            time.sleep(0.02)
        open("saved.txt", "w").write(str(step))
    for _ in run.steps(range(1_000_000)):
        run.log(loss=1.0)
        time.sleep(0.01)
"""
LAUNCH = ("run", "--name", "slow", "--", "python", "fit.py")


@pytest.mark.terminal
@pytest.mark.parametrize("launched", ["by another command", "by guard run --watch"])
def test_a_confirmed_stop_survives_the_death_of_its_dashboard(tmp_path, launched):
    (tmp_path / "fit.py").write_text(SAVES_SLOWLY)
    if launched == "by another command":
        assert guard("run", "--detach", *LAUNCH[1:], cwd=tmp_path).returncode == 0
        command = watch_command(str(tmp_path / "runs"))
    else:
        command = ["/usr/bin/env", "-C", str(tmp_path), sys.executable, "-m", "guardrun.cli.main"]
        command += ["run", "--watch", *LAUNCH[1:]]
    terminal = PtyTerminal(command, width=120, height=40)
    run = None
    try:
        run = only_run(tmp_path / "runs")
        wait_for_step(run, 3)
        terminal.sees("slow", "● running")
        terminal.type("s")
        terminal.sees("Safe stop")
        terminal.type("\r")
        terminal.sees("✓ seen by the training", without="✓ all processes gone")
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.ended() == -signal.SIGKILL
        assert not (tmp_path / "saved.txt").exists()

        (tmp_path / "go-on").touch()
        (end,) = wait_for(lambda: events(run, "supervisor.jsonl", "run_end"), what="the end of the stop")
        assert (end["status"], end["reason"]) == ("stopped", "stop:watch")
        assert (tmp_path / "saved.txt").read_text() == str(end["step"])
        wait_for(lambda: not processes_of(run), what="the end of all processes")
    finally:
        terminal.close()
        for line in processes_of(run) if run else ():
            os.kill(int(line.split()[0]), signal.SIGKILL)
