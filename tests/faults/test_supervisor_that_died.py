"""A supervisor dies, the training goes on: who looks is told, with the command that makes it whole again."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path

import pytest

from guard_process import events, guard, only_run, processes_of, show, wait_for_step
from guardrun.events.paths import RunPaths
from guardrun.provenance.host import read_lease
from pty_terminal import PtyTerminal, watch_command
from waiting import wait_for

FIT = """
import time, guardrun

with guardrun.start() as run:
    run.on_stop(lambda: None)
    for _ in run.steps(range(1_000_000)):
        run.log(loss=1.0)
        time.sleep(0.01)
"""


@pytest.mark.terminal
def test_the_dashboard_says_how_another_takes_its_place_and_that_command_works(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(FIT)
    done = guard("run", "--detach", "--name", "fit", "--", "python", "fit.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path / "runs")
    terminal = PtyTerminal(watch_command(str(run)), width=120, height=40)
    try:
        wait_for_step(run, 3)
        terminal.sees("● running", without="no supervisor")
        lease = read_lease(RunPaths(run).lease("supervisor"))
        assert lease is not None
        os.kill(lease["pid"], signal.SIGKILL)

        command = f"guard run --attach {run.name}"
        terminal.sees("● running", f"no supervisor: {command}")
        assert f"{command} ·" in " ".join(guard("show", str(run), cwd=tmp_path).stdout.split())
        attached = guard(*shlex.split(command)[1:], "--detach", cwd=tmp_path)
        assert attached.returncode == 0, attached.stderr
        terminal.sees("● running", without="no supervisor")
        wait_for(lambda: events(run, "supervisor.jsonl", "note"), what="the second supervisor's word")
        assert guard("stop", str(run), cwd=tmp_path).returncode == 0
        assert show(run)["status"] == "stopped"
    finally:
        terminal.close()
        for line in processes_of(run):
            os.kill(int(line.split()[0]), signal.SIGKILL)
