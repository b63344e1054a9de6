"""The real library in the training: its checkpoints are proved when it is stopped, whoever supervises it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from guardrun.cli.main import run as guard
from guardrun.supervising.proving import Prover
from waiting import wait_for

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"),
]

TRAINING = """
import time
import torch
import guardrun

torch.set_num_threads(1)
with guardrun.start() as run:
    run.seed(1)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    run.track(model=model, optimizer=optimizer)
    batches = [torch.randn(8, 4) for _ in range(5)]
    for epoch in run.epochs(100000):
        for batch in run.steps(batches):
            loss = model(batch).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            run.log(loss=loss)
            time.sleep(0.01)
        run.evaluate({"val/loss": 1.0 / (epoch + 1)})
print("after the run")
"""


def test_a_safe_stop_ends_with_both_checkpoints_proved_and_later_damage_is_found(run):
    run.script(TRAINING, library=True, monitor={"metric": "val/loss", "mode": "min"})
    supervisor = run.supervise()
    wait_for(lambda: len(run.events("eval", run.paths.events())) > 2, 60, what=run.complaints())
    run.stop()
    assert supervisor.wait(60) == 0
    proofs = {event["role"]: event for event in run.events("checkpoint")}
    assert proofs.keys() == {"best", "last"}
    for proof in proofs.values():
        assert (proof["verified"], proof["level"], proof["problem"]) == (True, "full", "")
    assert [stage for stage in run.stages() if stage.startswith("veri")] == [
        "verifying",
        "verified",
        "verified",
    ]
    assert run.paths.console.read_text().endswith("after the run\n")
    for part in run.paths.checkpoints.glob("*/rank0.pt"):
        part.write_bytes(part.read_bytes()[:-10] + b"0123456789")
    for proof in Prover(run.paths, sys.executable, timeout=60).prove_all():
        assert proof.verified is False
        assert "rank0.pt" in proof.problem


def test_a_training_started_by_hand_is_stopped_and_proved_from_any_folder(
    tmp_path: Path, monkeypatch, capsys
):
    (tmp_path / "train.py").write_text(TRAINING)
    training = subprocess.Popen([sys.executable, "train.py"], cwd=tmp_path)
    try:
        events = wait_for(lambda: list(tmp_path.glob("runs/*/events.jsonl")), 60)[0]
        wait_for(lambda: events.read_bytes().count(b'"eval"') > 2, 60)
        monkeypatch.chdir(tmp_path)
        assert guard(["stop", events.parent.name]) == 0
        said = capsys.readouterr().out
        assert re.search(r"best: runs/\S+ \(step \d+, val/loss [\d.]+\) verified", said), said
        assert training.wait(30) == 0
    finally:
        training.kill()
        training.wait()
