"""The policy on trainings that really go wrong: one is aborted, one stopped, the others left alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from guard_process import ROOT, events, guard, only_run, processes_of, show

pytestmark = pytest.mark.torch


def trained(folder: Path, *overrides: str) -> tuple[CompletedProcess[str], Path]:
    """One training of sample_runs/faults to its end, and its run."""
    ignored = shutil.ignore_patterns("__pycache__", "runs")
    shutil.copytree(ROOT / "sample_runs" / "faults", folder / "faults", ignore=ignored)
    done = guard("run", "faults/config.yaml", *overrides, cwd=folder)
    return done, only_run(folder / "runs")


def raised(run: Path, id: str, severity: str = "act") -> dict:
    """The first transition by which a signal came up with this severity."""
    found = events(run, "supervisor.jsonl", "signal")
    return next(s for s in found if (s["id"], s["severity"], s["state"]) == (id, severity, "raised"))


def assert_whole(run: Path) -> float:
    """The best checkpoint has the bytes of its hashes and loads; returns its metric."""
    import torch

    pointer = json.loads((run / "checkpoints" / "best.json").read_bytes())
    folder = run / "checkpoints" / pointer["folder"]
    meta = (folder / "meta.json").read_bytes()
    assert hashlib.sha256(meta).hexdigest() == pointer["meta_sha256"]
    for part in json.loads(meta)["files"]:
        assert hashlib.sha256((folder / part["path"]).read_bytes()).hexdigest() == part["sha256"]
    weights = torch.load(folder / "rank0.pt", weights_only=True)["objects"]["model"]
    assert all(tensor.isfinite().all() for tensor in weights.values())
    return float(pointer["metric"])


def test_a_learning_rate_that_explodes_is_aborted_and_the_best_checkpoint_is_from_before(
    tmp_path: Path,
) -> None:
    """From step 100 on the rate grows by a tenth at every step."""
    done, run = trained(tmp_path, "params.lr_growth=1.1", "params.epochs=300")

    assert done.returncode == 3, done.stdout + done.stderr
    signal = raised(run, "loss_explosion")
    assert 100 < signal["first_step"] < signal["raised_at"] <= signal["first_step"] + 75
    assert signal["action"] == "abort"
    assert "lower the learning rate" in signal["advice"]
    assert signal["advice"] in done.stdout.replace("\n", " ")
    shown = show(run)
    assert (shown["status"], shown["reason"]) == ("aborted", "abort:loss_explosion")
    assert shown["step"] < 0.25 * shown["total_steps"]
    assert shown["checkpoints"]["best"]["verified"] is True
    assert shown["checkpoints"]["best"]["step"] < signal["first_step"]
    evaluations = {e["step"]: e["val/loss"] for e in events(run, kind="eval")}
    assert assert_whole(run) == evaluations[shown["checkpoints"]["best"]["step"]]
    assert processes_of(run) == []


def test_a_training_that_overfits_is_stopped_and_keeps_its_best(tmp_path: Path) -> None:
    few_images = ["params.train_images=60", "params.batch_size=20", "params.width=128", "params.lr=0.1"]
    done, run = trained(tmp_path, *few_images, "params.epochs=600")

    assert done.returncode == 0, done.stdout + done.stderr
    shown = show(run)
    assert (shown["status"], shown["reason"]) == ("stopped", "stop:policy")
    signal = raised(run, "overfit")
    assert signal["action"] == "stop"
    assert "overfitting" in signal["message"]
    evaluations = {e["step"]: e["val/loss"] for e in events(run, kind="eval")}
    best = min(evaluations, key=lambda step: evaluations[step])
    assert shown["checkpoints"]["best"]["step"] == best < signal["raised_at"]
    assert assert_whole(run) == evaluations[best] < 0.75 * evaluations[max(evaluations)]
    assert shown["step"] < 0.25 * shown["total_steps"]


def test_a_training_that_spikes_and_recovers_is_left_alone(tmp_path: Path) -> None:
    """Five corrupt batches raise the loss more than tenfold."""
    done, run = trained(
        tmp_path, "params.fault=bad_batches", "params.at=200", "params.clip=1.0", "params.epochs=8"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    losses = [e["train/loss"] for e in events(run, kind="metrics")]
    assert max(losses[199:210]) > 5 * max(losses[180:199])
    assert max(losses[-20:]) < max(losses[180:199])
    spike = raised(run, "loss_spike", "info")
    assert 200 <= spike["first_step"] <= 202
    signals = events(run, "supervisor.jsonl", "signal")
    assert {s["severity"] for s in signals} == {"info"}
    assert signals[-1]["state"] == "cleared"
    assert show(run)["status"] == "finished"


def test_a_policy_that_observes_says_what_it_would_have_done_and_goes_on(tmp_path: Path) -> None:
    done, run = trained(
        tmp_path, "params.lr_growth=1.1", "params.epochs=6", "policy.loss_explosion=observe", "policy.nan=off"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    signal = raised(run, "loss_explosion")
    assert (signal["action"], signal["would_do"]) == ("observe", "abort")
    shown = show(run)
    assert (shown["status"], shown["step"]) == ("finished", shown["total_steps"])
    assert shown["step"] > signal["raised_at"] + 50
    for words in (done.stdout + done.stderr, guard("show", str(run), cwd=tmp_path).stdout):
        assert "would have aborted here" in " ".join(words.split())
    judged = json.loads(guard("signals", str(run), "--json", cwd=tmp_path).stdout)
    assert judged["verdict"] == "watch"
