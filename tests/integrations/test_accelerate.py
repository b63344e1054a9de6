"""A loop with Accelerate and three lines of guard."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.torch


def test_steps_evaluations_and_saved_states_are_recorded_and_ranked(trainings):
    trained = trainings.sample("accelerate", "--epochs", "4")
    assert list(trained.steps("train/loss")) == list(range(1, 25))  # eleven batches, two to a step
    assert list(trained.steps("grad_norm")) == list(range(1, 25))
    evaluations = {event["step"]: event["val/loss"] for event in trained.events("eval")}
    assert list(evaluations) == [6, 12, 18, 24]
    assert {e["step"]: e["metric"] for e in trained.events("checkpoint")} == pytest.approx(evaluations)
    assert trained.proved("best")["metric"] == pytest.approx(min(evaluations.values()))
    assert any(file.endswith("epoch-3/model.safetensors") for file in trained.files("last"))
    start = trained.events("run_start")[0]
    assert start["config"]["params"] == {"lr": 1e-2, "batch_size": 32}
    assert trained.end()["status"] == "finished"


def test_a_state_with_nan_weights_is_neither_best_nor_last(trainings):
    trained = trainings.sample("accelerate", "--epochs", "6", "--nan-at", "20")
    assert trained.steps("train/loss")[20] == "NaN"
    assert trained.proved("last")["step"] == 18
    assert "last stays as it is" in trained.notes()


def test_a_stop_saves_the_state_and_a_resume_counts_on(trainings):
    trained = trainings.sample("accelerate", "--epochs", "4000", stop_at=20)
    end = trained.end()
    assert (end["status"], end["reason"]) == ("stopped", "stop:cli")
    assert trained.proved("last")["step"] == end["step"]
    assert any("optimizer" in file for file in trained.files("last"))
    trainings.resume(trained)
    trainings.sample("accelerate", "--epochs", "1")
    assert trained.events("resume")[-1]["step"] == end["step"]
    assert trained.events("metrics")[-1]["step"] == end["step"] + 6


def test_two_ranks_under_accelerate_launch_are_one_run_that_stops_at_one_step_and_registers_each_state_once(
    trainings, monkeypatch
):
    script = ROOT / "sample_runs/accelerate/train.py"
    launch = "accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no"
    options = ["--dynamo_backend", "no", "--main_process_port", "0", str(script), "--epochs", "4000"]
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    trained = trainings.command(*launch.split(), *options, stop_at=20)
    assert json.loads((trained.run / "run.json").read_bytes())["name"] == "train"
    ends = [trained.events("run_end", rank) for rank in (0, 1)]
    assert [[(end["status"], end["reason"]) for end in one] for one in ends] == [
        [("stopped", "stop:cli")]
    ] * 2
    assert ends[0][0]["step"] == ends[1][0]["step"]
    assert trained.proved("last")["step"] == ends[0][0]["step"]
    assert trained.proved("last")["level"] == "full"
    saved = [event["step"] for event in trained.events("checkpoint")]
    assert len(saved) == len(set(saved)) > 1
    assert trained.events("checkpoint", 1) == []
    assert {"random_states_0.pkl", "random_states_1.pkl"} <= {Path(f).name for f in trained.files("last")}
