"""Hugging Face's Trainer with one line of guard, on a tiny Llama."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from later import Later

ROOT = Path(__file__).resolve().parents[2]

transformers, integration = Later("transformers"), Later("guardrun.integrations.transformers")

pytestmark = pytest.mark.torch


def history(folder: Path, step: int) -> list[dict[str, Any]]:
    state = folder / "hf-checkpoints" / f"checkpoint-{step}" / "trainer_state.json"
    return json.loads(state.read_bytes())["log_history"]


def test_steps_evaluations_and_checkpoints_are_the_trainers_own(trainings):
    trained = trainings.sample("hf_trainer", "--steps", "40")
    losses, norms, rates = (trained.steps(name) for name in ("train/loss", "grad_norm", "lr"))
    assert list(losses) == list(norms) == list(rates) == list(range(1, 41))
    logged = {entry["step"]: entry for entry in history(trainings.folder, 40) if "loss" in entry}
    for step, entry in logged.items():  # means over ten steps of two batches each
        ten = [losses[one] for one in range(step - 9, step + 1)]
        assert sum(ten) / 10 == pytest.approx(entry["loss"], rel=1e-4)
        assert norms[step] == pytest.approx(entry["grad_norm"], rel=1e-5)
    assert rates[1] == pytest.approx(3e-3)
    seen = trained.events("metrics")[-1]
    assert seen["tokens_per_s"] / seen["samples_per_s"] == pytest.approx(64)
    evaluations = {
        entry["step"]: entry["eval_loss"] for entry in history(trainings.folder, 40) if "eval_loss" in entry
    }
    assert {e["step"]: e["val/loss"] for e in trained.events("eval")} == pytest.approx(evaluations)
    begun = next(e for e in trained.events("phase") if e["phase"] == "train")
    assert (begun["total_steps"], begun["accumulate"]) == (40, 2)
    assert trained.proved("best")["metric"] == pytest.approx(min(evaluations.values()))
    assert all("checkpoint-40" in file for file in trained.files("last"))
    assert trained.end()["status"] == "finished"


def test_a_nan_that_the_trainers_filter_hides_is_seen_and_its_weights_are_no_checkpoint(trainings):
    trained = trainings.sample("hf_trainer", "--steps", "20", "--nan-at", "25")
    losses = trained.steps("train/loss")
    assert [step for step, loss in losses.items() if loss == "NaN"] == list(range(13, 21))
    assert trained.steps("grad_norm")[13] == "NaN"
    logged = [entry["loss"] for entry in history(trainings.folder, 20) if "loss" in entry]
    assert len(logged) == 2
    assert all(map(math.isfinite, logged))  # the filter hides it
    assert trained.events("checkpoint") == []
    assert "last stays as it is" in trained.notes()


def test_a_nan_of_a_loss_that_the_model_does_not_return_shows_in_the_norm_of_its_step(trainings):
    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line = torch.nn.Linear(4, 1)

        def forward(self, x):
            return {"y": self.line(x)}

    calls = []

    def loss(outputs, labels, num_items_in_batch=None):
        calls.append(1)
        return outputs["y"].square().mean() * (float("nan") if len(calls) == 3 else 1.0)

    settings = transformers.TrainingArguments(
        "checkpoints", max_steps=4, logging_steps=1, max_grad_norm=0.0, report_to=[], use_cpu=True,
        disable_tqdm=True, save_strategy="no",
    )  # fmt: skip
    data = [{"x": one, "labels": one[:1]} for one in torch.randn(32, 4)]
    trainer = transformers.Trainer(
        Line(), settings, train_dataset=data, compute_loss_func=loss, callbacks=[integration.GuardCallback()]
    )
    trained = trainings.train(trainer.train)
    norms, losses = trained.steps("grad_norm"), trained.steps("train/loss")
    assert norms[3] == "NaN"
    assert "NaN" not in (norms[1], norms[2])
    assert list(losses) == [1, 2, 3, 4]
    assert losses[3] != "NaN"  # the Trainer's filter, over a mean that is all there is


def test_two_ranks_stop_after_the_same_step_and_rank_0_registers_what_both_have_saved(trainings):
    script = ROOT / "sample_runs/hf_trainer/train.py"
    launch = [sys.executable, str(ROOT / "tests/two_ranks.py"), "transformers.trainer", str(script)]
    process = subprocess.Popen(
        [*launch, "--steps", "400"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        trainings.stop(5)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    trained = trainings.trained()
    end = trained.end()
    assert (end["status"], end["reason"]) == ("stopped", "stop:cli")
    (other,) = trained.events("run_end", rank=1)
    assert other["step"] == end["step"] < 400
    assert trained.proved("last")["step"] == end["step"]
    names = {Path(file).name for file in trained.files("last")}
    assert {"rng_state_0.pth", "rng_state_1.pth", "trainer_state.json"} <= names


def test_a_stop_is_saved_by_the_trainer_and_a_resume_goes_on_at_the_next_step(trainings):
    trained = trainings.sample("hf_trainer", "--steps", "400", stop_at=5)
    end = trained.end()
    assert (end["status"], end["reason"]) == ("stopped", "stop:cli")
    step = end["step"]
    assert 5 <= step < 400
    assert trained.proved("last")["step"] == step
    assert all(f"/checkpoint-{step}/" in file for file in trained.files("last"))
    trainings.resume(trained)
    trainings.sample("hf_trainer", "--steps", str(step + 2))
    (resumed,) = trained.events("resume")
    assert (resumed["step"], resumed["attempt"]) == (step, 2)
    assert [e["step"] for e in trained.events("metrics")][-2:] == [step + 1, step + 2]
