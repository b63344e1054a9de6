"""A save that holds up the steps because its disk hangs: told with the stacks, and nothing is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from guard_process import events, guard, only_run, processes_of, show, wait_for_step
from waiting import wait_for

FIT = """
import os, time, guardrun

class Model:
    def state_dict(self):  # as a write that does not return
        while trains and not os.path.exists("disk-is-back"):
            time.sleep(0.02)
        return {"weight": 1.0}

    def load_state_dict(self, state):
        pass

trains = False
with guardrun.start() as run:
    run.track(model=Model())
    for epoch in run.epochs(1000):
        for _ in run.steps(range(50)):
            trains = True
            run.log(loss=1.0)
            time.sleep(0.002)
        run.evaluate({"val/loss": 1.0})
"""
CONFIG = "name: fit\nentry: fit.py\nstop: {hang: 0.4}\npolicy: {hang: abort}\n"


@pytest.mark.torch
def test_a_save_on_a_disk_that_hangs_is_told_with_stacks_and_not_killed(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(FIT)
    (tmp_path / "exp.yaml").write_text(CONFIG)
    done = guard("run", "exp.yaml", "--detach", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path / "runs")
    try:
        wait_for_step(run, 50)

        def told() -> list[dict]:
            found = events(run, "supervisor.jsonl", "signal")
            return [event for event in found if event["id"] == "hang"]

        (hang,) = wait_for(told, what="the signal")
        assert (hang["severity"], hang["action"], hang["evidence"]["phase"]) == ("warn", "warn", "checkpoint")
        assert "state_dict" in (run / hang["evidence"]["stacks"]).read_text()
        page = guard("show", str(run), cwd=tmp_path).stdout
        assert "The checkpoint at step 50 has been under way" in " ".join(page.split())
        assert events(run, "supervisor.jsonl", "run_end") == []

        (tmp_path / "disk-is-back").touch()
        wait_for(lambda: told()[-1]["state"] == "cleared", what="the end of the signal")
        wait_for_step(run, 120)
        assert guard("stop", str(run), cwd=tmp_path).returncode == 0
        assert show(run)["checkpoints"]["last"]["verified"] is True
    finally:
        for line in processes_of(run):
            os.kill(int(line.split()[0]), signal.SIGKILL)
