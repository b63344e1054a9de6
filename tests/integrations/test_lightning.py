"""PyTorch Lightning with one line of guard, on scikit-learn's digits."""

from __future__ import annotations

import json
import os
import signal
import time
import warnings

import pytest
import torch

import guardrun
from guardrun.events.commands import STOP, send_command
from guardrun.events.paths import RunPaths
from guardrun.recording.mailbox import POLL_S
from guardrun.recording.starting import current_run
from later import Later

pytestmark = pytest.mark.torch

lines, callbacks, plugins = (
    Later("lightning_lines"), Later("lightning.pytorch.callbacks"), Later("lightning.pytorch.plugins")
)  # fmt: skip


def ask_to_stop() -> None:
    run = current_run()
    send_command(RunPaths(run.path), STOP, attempt=1, via="cli")


def test_steps_evaluations_and_checkpoints_are_lightnings_own(trainings):
    trained = trainings.sample("lightning", "--epochs", "3")
    losses = trained.steps("train/loss")
    assert list(losses) == list(range(1, 67))
    assert losses[1] == pytest.approx(2.3, abs=0.1)  # Lightning halves it, for two batches make a step
    assert trained.steps("lr")[1] == 0.1
    assert all(norm > 0 for norm in trained.steps("grad_norm").values())
    evaluations = {event["step"]: event["val/loss"] for event in trained.events("eval")}
    assert list(evaluations) == [22, 44, 66]
    assert "val/accuracy" in trained.events("eval")[0]
    saved = {e["step"]: e["metric"] for e in trained.events("checkpoint")}
    assert saved == pytest.approx(evaluations)
    assert trained.proved("best")["metric"] == pytest.approx(min(evaluations.values()))
    assert trained.files("last") == [
        str(trainings.folder / "lightning-checkpoints/checkpoints/epoch=2-step=66.ckpt")
    ]


def test_a_nan_is_seen_at_its_step_and_its_weights_are_no_checkpoint(trainings):
    trained = trainings.sample("lightning", "--epochs", "2", "--nan-at", "30")
    assert min(step for step, loss in trained.steps("train/loss").items() if loss == "NaN") == 30
    assert [event["step"] for event in trained.events("checkpoint")] == [22]
    assert trained.proved("last")["step"] == 22


def test_a_stop_is_saved_by_lightning_and_a_resume_goes_on_in_the_same_epoch(trainings):
    trained = trainings.sample("lightning", "--epochs", "200", stop_at=25)
    end = trained.end()
    assert (end["status"], end["reason"]) == ("stopped", "stop:cli")
    step = end["step"]
    assert trained.proved("last")["step"] == step
    assert f"step={step}.ckpt" in trained.files("last")[0]
    trainings.resume(trained)
    trainings.sample("lightning", "--epochs", str(step // 22 + 2))
    (resumed,) = trained.events("resume")
    assert resumed["step"] == step
    metrics = [event["step"] for event in trained.events("metrics")]
    assert metrics == list(range(1, (step // 22 + 2) * 22 + 1))


def test_a_stop_in_the_sanity_check_ends_before_the_first_step(trainings):
    class Stopped(lines.Line):
        def validation_step(self, batch, index):
            if self.trainer.sanity_checking and index == 0:
                ask_to_stop()
            super().validation_step(batch, index)

    trainer = lines.trainer(max_epochs=2)
    trained = trainings.train(lambda: trainer.fit(Stopped(), lines.loader(), lines.loader()))
    assert (trained.end()["status"], trained.end()["step"]) == ("stopped", 0)
    assert trained.events("ack")


def test_a_stop_in_validation_waits_for_its_end_and_outranks_min_epochs(trainings):
    class Stopped(lines.Line):
        def validation_step(self, batch, index):
            if not self.trainer.sanity_checking and index == 0 and self.global_step == 8:
                ask_to_stop()
                time.sleep(2 * POLL_S)
            super().validation_step(batch, index)

    saves = callbacks.ModelCheckpoint(monitor="val_loss")
    trainer = lines.trainer(saves, max_epochs=9, min_epochs=5)
    trained = trainings.train(lambda: trainer.fit(Stopped(), lines.loader(), lines.loader()))
    assert (trained.end()["status"], trained.end()["step"]) == ("stopped", 8)
    assert [event["step"] for event in trained.events("eval")] == [8]
    assert trained.proved("last")["step"] == 8


def test_a_stop_before_the_first_validation_is_no_failure_of_those_who_wait_for_its_metric(trainings):
    class Stopped(lines.Line):
        def on_train_batch_start(self, batch, index):
            if self.global_step == 1:
                ask_to_stop()

    waiting = [callbacks.EarlyStopping("val_loss"), callbacks.ModelCheckpoint(monitor="val_loss")]
    trainer = lines.trainer(*waiting, max_epochs=500)
    trained = trainings.train(lambda: trainer.fit(Stopped(), lines.loader(4000), lines.loader()))
    assert trained.end()["status"] == "stopped"
    assert trained.end()["step"] < 500
    assert trained.proved("last")["step"] == trained.end()["step"]


def test_manual_optimization_has_its_loss_and_the_norm_over_all_optimizers(trainings):
    module = lines.ByHand()
    trainer = lines.trainer(max_epochs=1)
    trained = trainings.train(lambda: trainer.fit(module, lines.loader(), lines.loader()))
    norms = trained.steps("grad_norm")
    assert list(norms) == list(range(2, 17, 2))  # Lightning counts the steps of both
    assert list(norms.values()) == pytest.approx(module.norms)
    assert len(trained.steps("train/loss")) == 8


def test_sigterm_in_the_middle_of_an_accumulation_is_a_safe_stop(trainings):
    class Terminated(lines.Line):
        def training_step(self, batch, index):
            if index == 8:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().training_step(batch, index)

    trainer = lines.trainer(max_epochs=2, accumulate_grad_batches=4)
    trained = trainings.train(lambda: trainer.fit(Terminated(), lines.loader(1000), lines.loader()))
    end = trained.end()
    assert (end["status"], end["reason"], end["step"]) == ("stopped", "stop:sigterm", 3)
    assert trained.proved("last")["step"] == 3


def test_the_scale_of_mixed_precision_is_recorded_and_the_norm_is_of_unscaled_gradients(trainings):
    norms = []

    class Clipped(lines.Line):
        def on_before_optimizer_step(self, optimizer):
            norms.append(float(torch.stack([p.grad.norm() for p in self.parameters()]).norm()))

    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    mixed = plugins.MixedPrecision("16-mixed", "cpu", scaler=scaler)
    trainer = lines.trainer(max_epochs=1, plugins=[mixed], gradient_clip_val=0.1)
    trained = trainings.train(lambda: trainer.fit(Clipped(), lines.loader(), lines.loader()))
    assert set(trained.steps("loss_scale").values()) == {1024.0}
    assert list(trained.steps("grad_norm").values()) == pytest.approx(norms)
    assert min(norms) > 0.1


def test_a_monitor_of_model_checkpoint_decides_what_is_best(trainings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saves = callbacks.ModelCheckpoint(monitor="val_acc", mode="max", every_n_train_steps=1)
        trainer = lines.trainer(saves, fast_dev_run=True)
        trained = trainings.train(lambda: trainer.fit(lines.Line(), lines.loader(), lines.loader()))
    start = trained.events("run_start")[0]
    assert (start["monitor"], start["mode"]) == ("val/acc", "max")
    assert json.loads((trained.run / "run.json").read_bytes())["name"]


def test_each_training_of_a_process_is_a_run_of_its_own(trainings):
    def twice():
        for _ in range(2):
            trainer = lines.trainer(max_epochs=1)
            trainer.fit(lines.Line(), lines.loader(), lines.loader())

    trainings.train(twice)
    ends = [(one.end()["status"], one.end()["step"]) for one in trainings.all()]
    assert ends == [("finished", 8), ("finished", 8)]


def test_a_run_that_the_script_has_started_is_recorded_into_and_stays_its_own(trainings):
    def within():
        with guardrun.start("mine") as run:
            trainer = lines.trainer(max_epochs=1)
            trainer.fit(lines.Line(), lines.loader(), lines.loader())
            run.log({"after": 1.0})

    trained = trainings.train(within)
    assert json.loads((trained.run / "run.json").read_bytes())["name"] == "mine"
    assert trained.steps("after") == {8: 1.0}
    assert len(trained.events("run_end")) == 1
