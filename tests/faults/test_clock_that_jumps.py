"""The clock of the whole machine is set by hours under a real `guard run`: only notes tell of it."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from benchmarks.faults.disks import build_layer, layered

from guard_process import events, guard, only_run, processes_of, start_guard, wait_for_step
from guardrun.events.paths import RunPaths
from guardrun.provenance.host import read_lease
from waiting import wait_for

FIT = """
import time, pathlib, guardrun

with guardrun.start() as run:
    run.on_stop(lambda: None)
    for _ in run.steps(range(1_000_000)):
        run.log(loss=1.0)
        time.sleep(0.01)
        if pathlib.Path("enough").exists():
            break
"""
CONFIG = """
command: [python, fit.py]
workdir: .
budget: {time: 30m}
cost: {per_hour: 36.0}
"""


class Machine:
    """Processes that all have one clock, which can be set."""

    def __init__(self, folder: Path) -> None:
        library = build_layer(folder)
        assert library is not None, "this test needs a C compiler"
        self.environment = layered(folder, library)
        self._switch = folder / "switch"

    def set_clock(self, wrong_by_s: int) -> None:
        with open(self._switch, "r+b") as file:
            file.write(struct.pack("iiii", 0, 0, 0, wrong_by_s))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "fit.py").write_text(FIT)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return Machine(tmp_path)


def shown(run: Path, machine: Machine) -> dict[str, Any]:
    done = guard("show", str(run), "--json", cwd=run.parent, **machine.environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("wrong_by", [5 * 3600, -5 * 3600])
def test_a_run_whose_machines_clock_is_set_by_hours(tmp_path: Path, machine: Machine, wrong_by: int) -> None:
    """It goes on as a live run, is charged for the time that passed, and its budget is not used up."""
    process = start_guard("run", "config.yaml", cwd=tmp_path, env=machine.environment)
    run = only_run(tmp_path / "runs")
    try:
        wait_for_step(run, 20)
        wait_for(lambda: events(run, "system.jsonl", "system"), what="a sample by the old clock")
        machine.set_clock(wrong_by)
        wait_for_step(run, 20 + len(events(run, kind="metrics")))
        wait_for(lambda: _jump(events(run, "system.jsonl")) > 3600, what="a sample by the new clock")

        live = shown(run, machine)
        page = guard("watch", "--once", str(run), cwd=tmp_path, **machine.environment).stdout
        (tmp_path / "enough").touch()
        said, _ = process.communicate(timeout=60)
    finally:
        for line in processes_of(run):
            os.kill(int(line.split()[0]), signal.SIGKILL)

    assert process.returncode == 0, said
    assert live["status"] == "running"
    assert "running" in page
    assert _jump(events(run)) > 4 * 3600
    over = shown(run, machine)
    assert (over["status"], over["reason"]) == ("finished", "completed")
    assert 0 < over["cost"] < 1.0, "36 an hour: a minute and a half at most"
    text = guard("show", str(run), cwd=tmp_path, **machine.environment).stdout
    judged = guard("signals", str(run), cwd=tmp_path, **machine.environment).stdout
    for told in (said, page, text, judged):
        assert not re.search(r"\b[345] ?h\b|budget of time", told.replace("set 5.0 h", "")), told


def test_a_supervisor_that_comes_after_the_jump_counts_the_time_that_passed(
    tmp_path: Path, machine: Machine
) -> None:
    done = guard("run", "config.yaml", "--detach", cwd=tmp_path, **machine.environment)
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path / "runs")
    try:
        wait_for_step(run, 20)
        lease = read_lease(RunPaths(run).lease("supervisor"))
        assert lease is not None
        os.kill(lease["pid"], signal.SIGKILL)
        machine.set_clock(5 * 3600)
        attached = guard("run", "--attach", run.name, "--detach", cwd=tmp_path, **machine.environment)
        assert attached.returncode == 0, attached.stderr
        wait_for(lambda: len(events(run, "supervisor.jsonl", "header")) > 1, what="the second supervisor")
        wait_for_step(run, 200 + len(events(run, kind="metrics")))
        assert shown(run, machine)["status"] == "running"
        assert not events(run, "supervisor.jsonl", "signal")
        (tmp_path / "enough").touch()
        wait_for(lambda: events(run, "supervisor.jsonl", "run_end"), what="the end")
        assert shown(run, machine)["cost"] < 1.0
    finally:
        for line in processes_of(run):
            os.kill(int(line.split()[0]), signal.SIGKILL)


def _jump(log: list[dict[str, Any]]) -> float:
    """The largest step between the times of two events, either way."""
    times = [event["t"] for event in log]
    return max((abs(b - a) for a, b in pairwise(times)), default=0.0)
