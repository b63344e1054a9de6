"""Five real trainings of one group: the one with an absurd learning rate is stopped, the others finish."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guard_process import ROOT, guard, processes_of, show

pytestmark = pytest.mark.torch

SMALL = ROOT / "sample_runs/small"
SWEEP = """
import functools, guardrun, train

start = functools.partial(guardrun.start, group="rates")
for rate in (4e-3, 6e-3, 8e-3, 1.2e-2):
    train.guardrun.start = start
    train.DEFAULTS.update(lr=rate, train_images=300, epochs=30)
    train.main()
"""


def test_the_inferior_run_of_a_group_is_told_and_stopped_with_its_best_checkpoint(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SMALL), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", SWEEP], cwd=tmp_path, env=environment, check=True, timeout=120)
    good = sorted(tmp_path.glob("runs/*"))
    assert [show(run)["status"] for run in good] == ["finished"] * 4

    done = guard(
        "run", str(SMALL / "config.yaml"), "group=rates", "params.lr=1e-9", "params.train_images=300",
        "params.epochs=60", "policy.inferior=stop", cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "siblings" in done.stdout
    (bad,) = set(tmp_path.glob("runs/*")) - set(good)
    shown = show(bad)
    assert (shown["status"], shown["group"]) == ("stopped", "rates")
    (signal,) = (signal for signal in shown["signals"] if signal["id"] == "inferior")
    assert (signal["severity"], signal["action"]) == ("act", "stop")
    assert signal["evidence"]["siblings"] == 4
    assert signal["raised_at"] <= shown["step"] < 300
    assert shown["checkpoints"]["best"]["verified"] is True
    assert shown["checkpoints"]["last"]["step"] == shown["step"]
    assert processes_of(bad) == []

    judged = guard("signals", *map(str, good), "--json", cwd=tmp_path)
    told = [signal["id"] for one in json.loads(judged.stdout)["sources"] for signal in one["signals"]]
    assert "inferior" not in told
