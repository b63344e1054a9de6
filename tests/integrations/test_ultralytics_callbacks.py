"""The callbacks of Ultralytics, called in its order by a loop as small as can be.

Ultralytics itself is trained in tests/frameworks.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from guardrun.integrations import ultralytics

pytestmark = pytest.mark.torch


class Yolo:
    """A model and its trainer: three batches an epoch, two to a step; files as Ultralytics writes them."""

    def __init__(self, epochs: int, folder: Path, nan_at: int = 0) -> None:
        self.callbacks: dict[str, list[Any]] = defaultdict(list)
        self.model = torch.nn.Linear(4, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05)
        self.args = SimpleNamespace(epochs=epochs, data=Path("data.yaml"), batch=8)
        self.scaler, self.stop, self.accumulate, self.batch_size = None, False, 2, 8
        self.epochs, self.start_epoch, self.epoch, self.nan_at = epochs, 0, 0, nan_at
        self.wdir, self.save_period = folder, -1
        self.last, self.best = folder / "last.pt", folder / "best.pt"
        self.metrics: dict[str, float] = {}
        self.fitness: float | None = None
        self.best_fitness: float | None = None
        self.loss_items: dict[str, torch.Tensor] = {}

    def add_callback(self, event: str, function: Any) -> None:
        self.callbacks[event].append(function)

    def call(self, event: str) -> None:
        for function in self.callbacks[event]:
            function(self)

    def save_model(self) -> None:
        self.wdir.mkdir(exist_ok=True)
        state = {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(state, self.last)
        if self.fitness == self.best_fitness:
            torch.save(state, self.best)

    def train(self) -> None:
        batches = 0
        self.call("on_train_start")
        for epoch in range(self.start_epoch, self.epochs):
            self.epoch = epoch
            for _ in range(3):
                self.call("on_train_batch_start")
                batches += 1
                x = torch.ones(8, 4)
                loss = self.model(x).square().mean() * (float("nan") if batches == self.nan_at else 1)
                loss.backward()
                self.loss_items = {"box_loss": loss.detach(), "cls_loss": torch.tensor(1.0)}
                if batches % 2 == 0:
                    self.optimizer.step()
                    self.optimizer.zero_grad()
                self.call("on_train_batch_end")
                if self.stop:
                    break
            self.end_epoch()
            if self.stop:
                break
        for file in (self.last, self.best):  # without the optimizer
            torch.save({"epoch": -1, "model": torch.load(file)["model"]}, file)
        self.call("on_val_start")
        self.call("on_fit_epoch_end")
        self.call("on_train_end")

    def end_epoch(self) -> None:
        self.call("on_train_epoch_end")
        self.call("on_val_start")
        self.call("on_val_batch_end")
        self.fitness = 0.5 if self.epoch == 1 else 0.1
        self.best_fitness = max(self.best_fitness or 0.0, self.fitness)
        self.metrics = {"metrics/mAP50(B)": self.fitness, "val/box_loss": 2.0, "val/cls_loss": 1.0}
        self.save_model()
        self.call("on_model_save")
        self.call("on_fit_epoch_end")


def test_the_code_of_its_page_trains_and_takes_up_what_a_stop_left(trainings, tmp_path, monkeypatch):
    page = Path(__file__).resolve().parents[2] / "docs/integrations/ultralytics.md"
    text = page.read_text().split("```python\n")[1].split("```")[0]
    made: list[tuple[str, dict[str, Any]]] = []

    class Model(Yolo):
        def __init__(self, weights: str) -> None:
            super().__init__(100_000, tmp_path / "weights")
            if not weights.endswith(".yaml"):
                self.start_epoch = int(torch.load(weights)["epoch"]) + 1
                self.epochs = self.start_epoch + 2
            made.append((weights, {}))

        def train(self, **settings: Any) -> None:
            made[-1][1].update(settings)
            super().train()

    def script() -> None:
        exec(compile(text, "ultralytics.md", "exec"), {"__name__": "__main__"})

    monkeypatch.setitem(sys.modules, "ultralytics", SimpleNamespace(YOLO=Model))
    trained = trainings.train(script, stop_at=10)
    assert trained.end()["status"] == "stopped"
    (kept,) = trained.files("last")
    trainings.resume(trained)
    trainings.train(script)
    (first, asked), (second, then) = made
    assert (first, asked["resume"]) == ("yolo11n.yaml", False)
    assert (second, then["resume"]) == (kept, True)
    assert len(trained.events("resume")) == 1


def test_steps_evaluations_and_files_are_the_trainers_own(trainings, tmp_path):
    yolo = Yolo(4, tmp_path / "weights")
    ultralytics.attach(yolo)
    trained = trainings.train(yolo.train)
    losses = trained.steps("train/loss")
    assert list(losses) == list(trained.steps("grad_norm")) == list(range(1, 7))
    boxes = trained.steps("train/box_loss")
    assert all(losses[step] == pytest.approx(boxes[step] + 1) for step in losses)
    evaluations = trained.events("eval")
    assert [event["val/fitness"] for event in evaluations] == [0.1, 0.5, 0.1, 0.1]  # not that of the end
    assert (evaluations[0]["val/mAP50(B)"], evaluations[0]["val/loss"]) == (0.1, 3.0)
    best = trained.proved("best")
    assert (best["metric"], best["step"]) == (0.5, 3)
    assert [Path(file).name for file in trained.files("best")] == ["best.pt"]
    assert trained.proved("last")["step"] == 6
    assert trained.events("run_start")[0]["config"]["params"]["data"] == "data.yaml"


def test_a_stop_within_an_epoch_keeps_a_file_from_which_that_epoch_begins_anew(trainings, tmp_path):
    yolo = Yolo(100_000, tmp_path / "weights")
    ultralytics.attach(yolo)
    trained = trainings.train(yolo.train, stop_at=10)
    end = trained.end()
    assert (end["status"], end["reason"]) == ("stopped", "stop:cli")
    assert trained.proved("last")["step"] == end["step"]
    (kept,) = trained.files("last")
    assert Path(kept).name == f"guard-step-{end['step']}.pt"
    state = torch.load(kept)
    assert state["epoch"] == yolo.epoch - 1 or end["step"] * 2 % 3 == 0
    assert "optimizer" in state  # unlike last.pt
    assert trained.proved("best")["metric"] == 0.5
    trainings.resume(trained)
    assert ultralytics.resume_from() == kept
    again = Yolo(yolo.epoch + 1, tmp_path / "weights")
    again.start_epoch = int(state["epoch"]) + 1
    ultralytics.attach(again)
    trainings.train(again.train)
    (resumed,) = trained.events("resume")
    assert (resumed["step"], resumed["epoch"]) == (end["step"], again.start_epoch)
    assert min(e["step"] for e in trained.events("metrics") if e["t"] > resumed["t"]) == end["step"] + 1


def test_a_nan_is_seen_and_its_weights_are_no_checkpoint(trainings, tmp_path):
    yolo = Yolo(4, tmp_path / "weights", nan_at=8)
    ultralytics.attach(yolo)
    trained = trainings.train(yolo.train)
    assert min(step for step, loss in trained.steps("train/loss").items() if loss == "NaN") == 4
    assert trained.proved("best")["step"] == 3
