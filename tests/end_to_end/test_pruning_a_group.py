"""Five real trainings of one group: the one with an absurd learning rate is stopped, the others finish."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard_process import ROOT, events, guard, processes_of, show, start_guard

pytestmark = pytest.mark.torch

SMALL = str(ROOT / "sample_runs/small/config.yaml")
COMMON = ("group=rates", "params.train_images=300", "params.epochs=30", "stop.grace=120")


def test_the_inferior_run_of_a_group_is_told_and_stopped_with_its_best_checkpoint(tmp_path: Path) -> None:
    rates = ("4e-3", "6e-3", "8e-3", "1.2e-2")
    fronts = [start_guard("run", SMALL, *COMMON, f"params.lr={rate}", cwd=tmp_path) for rate in rates]
    assert [front.wait(150) for front in fronts] == [0] * 4
    good = sorted(tmp_path.glob("runs/*"))

    done = guard(
        "run", SMALL, *COMMON, "params.epochs=60", "params.lr=1e-9", "policy.inferior=stop", cwd=tmp_path
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (bad,) = set(tmp_path.glob("runs/*")) - set(good)
    shown = show(bad)
    assert (shown["status"], shown["group"]) == ("stopped", "rates")
    (signal,) = (signal for signal in shown["signals"] if signal["id"] == "inferior")
    assert (signal["severity"], signal["action"]) == ("act", "stop")
    assert signal["evidence"]["siblings"] == 4
    assert signal["raised_at"] <= shown["step"] < 300
    assert "siblings" in done.stdout
    assert shown["checkpoints"]["best"]["verified"] is True
    assert shown["checkpoints"]["last"]["step"] == shown["step"]
    assert processes_of(bad) == []
    for run in good:
        assert show(run)["status"] == "finished"
        assert [e for e in events(run, "supervisor.jsonl", "signal") if e["id"] == "inferior"] == []
