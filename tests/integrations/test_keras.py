"""Keras 3 on PyTorch with one line of guard, on scikit-learn's digits."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import numpy
import pytest

from guardrun.errors import UserError
from later import Later

keras, integration = Later("keras"), Later("guardrun.integrations.keras")

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras's own
]


def test_steps_evaluations_and_checkpoints_are_keras_own(trainings):
    trained = trainings.sample("keras", "--epochs", "3")
    losses = trained.steps("train/loss")
    assert list(losses) == list(trained.steps("grad_norm")) == list(range(1, 67))
    assert trained.steps("lr")[1] == pytest.approx(1e-2)
    assert all(seen["samples_per_s"] > 0 for seen in trained.events("metrics") if "samples_per_s" in seen)
    means = trained.steps("epoch/loss")  # of the epoch's samples: its last batch has 56 of 64
    assert list(means) == [22, 44, 66]
    weights = [64] * 21 + [56]
    for end, mean in means.items():
        batches = [losses[step] for step in range(end - 21, end + 1)]
        assert numpy.average(batches, weights=weights) == pytest.approx(mean, rel=1e-4)
    assert 0 < trained.steps("train/accuracy")[1] < 0.5 < trained.steps("epoch/accuracy")[66]
    evaluations = {event["step"]: event["val/loss"] for event in trained.events("eval")}
    assert list(evaluations) == [22, 44, 66]
    begun = next(e for e in trained.events("phase") if e["phase"] == "train")
    assert (begun["total_steps"], begun["total_epochs"]) == (66, 3)
    best = trained.proved("best")
    assert best["metric"] == pytest.approx(min(evaluations.values()))
    assert trained.files("best") == [str(trainings.folder / "keras-checkpoints/best.keras")]
    backups = [event for event in trained.events("checkpoint") if event["roles"] == ["last"]]
    assert [event["step"] for event in backups] == [22, 44, 66]
    assert (
        "latest.weights.h5 (step 66) was last and has been deleted" in trained.notes()
    )  # by Keras, at the end
    assert trained.end()["status"] == "finished"


def test_a_nan_is_seen_though_keras_leaves_at_the_first_one_and_its_weights_are_no_checkpoint(trainings):
    trained = trainings.sample("keras", "--epochs", "3", "--nan-at", "30")
    losses = trained.steps("train/loss")
    assert losses[30] == "NaN"
    assert all(math.isfinite(losses[step]) for step in range(1, 30))
    assert list(losses)[-1] == 30  # TerminateOnNaN
    assert {event["step"] for event in trained.events("checkpoint")} == {22}
    assert trained.proved("best")["step"] == 22
    assert trained.steps("weights/nonfinite")[30] == 1


def test_a_stop_within_an_epoch_keeps_a_file_and_a_resume_goes_on_with_that_epoch(trainings):
    trained = trainings.sample("keras", "--epochs", "4000", stop_at=25)
    end = trained.end()
    step = end["step"]
    assert (end["status"], end["reason"]) == ("stopped", "stop:cli")
    assert trained.proved("last")["step"] == step
    saved = trained.run / "keras" / f"guard-step-{step}.keras"
    assert saved.is_file() or step % 22 == 0
    trainings.resume(trained)
    epochs = step // 22 + 1
    trainings.sample("keras", "--epochs", str(epochs))
    (resumed,) = trained.events("resume")
    assert (resumed["step"], resumed["epoch"]) == (step, step // 22)
    assert trained.events("metrics")[-1]["step"] == step + 22  # the epoch anew, as BackupAndRestore does it
    losses = trained.steps("train/loss")
    assert losses[step + 1] < losses[1] / 2  # weights, and the optimizer's state


def line(**compiled: object) -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(loss="mse", **compiled)
    return model


def test_accumulated_batches_are_one_step_and_a_schedules_rate_is_recorded(trainings):
    keras.utils.set_random_seed(0)
    x = numpy.random.rand(64, 4).astype("float32")
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    model = line(optimizer=keras.optimizers.SGD(schedule, gradient_accumulation_steps=2))
    trained = trainings.train(
        lambda: model.fit(
            x, x.sum(1), batch_size=8, epochs=2, verbose=0, callbacks=[integration.GuardCallback()]
        )
    )
    assert list(trained.steps("train/loss")) == list(range(1, 9))
    assert trained.steps("lr")[3] == pytest.approx(0.1 * 0.5**5)  # Keras counts batches here
    assert not {"compute_loss", "save", "save_weights"} & model.__dict__.keys()


def test_another_backend_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    guard = integration.GuardCallback()
    guard.set_model(line(optimizer="sgd"))
    with pytest.raises(UserError, match="torch backend; this one is jax"):
        guard.on_train_begin()


def test_a_failing_save_at_a_stop_is_told_and_training_ends_well(trainings, monkeypatch):
    def full(self: object, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("guardrun.integrations.keras_model.ModelWatch.save", full)
    trained = trainings.sample("keras", "--epochs", "4000", stop_at=25)
    assert trained.end()["status"] == "stopped"
