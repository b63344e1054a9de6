"""Logs that are one JSON document."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from guardrun.errors import UserError
from guardrun.reading.foreign import ForeignLog, read_foreign
from guardrun.reading.foreign.files import MAX_DOCUMENT

STATE: dict[str, Any] = {
    "best_metric": 0.75,
    "epoch": 2.0,
    "global_step": 40,
    "logging_steps": 10,
    "max_steps": 40,
    "num_train_epochs": 2,
    "train_batch_size": 8,
    "log_history": [
        {"epoch": 0.5, "grad_norm": 2.5, "learning_rate": 0.25, "loss": 1.5, "step": 10},
        {"epoch": 1.0, "eval_accuracy": 0.5, "eval_loss": 1.25, "eval_runtime": 3.5, "step": 20},
        {"epoch": 1.5, "grad_norm": math.nan, "learning_rate": 0.125, "loss": 0.0, "step": 30},
        {"epoch": 2.0, "eval_accuracy": 0.75, "eval_loss": 1.5, "step": 40},
    ],
}
DEEPOBS: dict[str, Any] = {
    "train_losses": [4.5, 2.5, math.nan],
    "test_losses": [4.25, 2.25, math.inf],
    "train_accuracies": [0.0, 0.5, 0.25],
    "test_accuracies": [0.0, 0.25, 0.125],
    "minibatch_train_losses": [4.0, 3.0, 2.0, 1.0],
    "num_epochs": 2,
    "batch_size": 50,
    "learning_rate": 0.5,
    "random_seed": 42,
    "train_log_interval": 10,
}


def log_of(path: Path, document: Any, **form: Any) -> ForeignLog:
    path.write_text(json.dumps(document, **form))
    (log,) = read_foreign(path)
    return log


@pytest.mark.parametrize("form", [{}, {"indent": 2}, {"separators": (",", ":")}])
def test_hugging_faces_state(tmp_path: Path, form: dict[str, Any]) -> None:
    log = log_of(tmp_path / "trainer_state.json", STATE, **form)
    rows = list(log.rows)
    assert [(row.kind, row.step, row.epoch) for row in rows] == [
        ("metrics", 10, 0), ("eval", 20, 1), ("metrics", 30, 1), ("eval", 40, 2),
    ]  # fmt: skip
    assert rows[0].values == {"grad_norm": 2.5, "lr": 0.25, "train/loss": 1.5}
    assert rows[1].values == {"val/accuracy": 0.5, "val/loss": 1.25, "val/runtime": 3.5}
    # A clean loss over gradients that are none: what the Trainer logs of a training that is lost.
    assert rows[2].values["train/loss"] == 0.0
    assert math.isnan(rows[2].values["grad_norm"])
    assert (log.total_steps, log.total_epochs, log.train_loss) == (40, 2, "running")
    assert log.told["logging_steps"] == 10


def test_the_metric_behind_hugging_faces_best_value_is_found(tmp_path: Path) -> None:
    log = log_of(tmp_path / "a.json", STATE)
    assert (log.monitor, log.mode) == ("val/accuracy", "max")
    log = log_of(tmp_path / "b.json", {**STATE, "best_metric": 1.25})
    assert (log.monitor, log.mode) == ("val/loss", "min")
    log = log_of(tmp_path / "c.json", {**STATE, "best_metric": None})
    assert (log.monitor, log.mode) == ("val/loss", "min")


def test_of_the_states_of_a_trainers_checkpoints_only_the_longest_is_a_log(tmp_path: Path) -> None:
    for steps in (1, 2, 4):
        folder = tmp_path / f"my_model/checkpoint-{steps}0"
        folder.mkdir(parents=True)
        log_of(folder / "trainer_state.json", {**STATE, "log_history": STATE["log_history"][:steps]})
    (log,) = read_foreign(tmp_path)
    assert log.name == "my_model"
    assert max(row.step for row in log.rows) == 40
    log_of(tmp_path / "my_model/trainer_state.json", STATE)
    log_of(tmp_path / "trainer_state.json", STATE)
    assert [log.source.parent.name for log in read_foreign(tmp_path)] == [tmp_path.name, "my_model"]


def test_deepobs(tmp_path: Path) -> None:
    """Its epochs are measured in evaluation mode, its minibatches while it trains."""
    log = log_of(tmp_path / "run.json", DEEPOBS)
    rows = list(log.rows)
    assert [(row.kind, row.step, row.epoch) for row in rows] == [
        ("eval", 0, 0), ("metrics", 10, 0), ("metrics", 20, 0), ("eval", 20, 1), ("metrics", 30, 1),
        ("metrics", 40, 1), ("eval", 40, 2),
    ]  # fmt: skip
    assert rows[0].values == {
        "train/loss": 4.5, "train/accuracy": 0.0, "val/loss": 4.25, "val/accuracy": 0.0
    }  # fmt: skip
    assert math.isinf(rows[-1].values["val/loss"])
    assert (log.train_loss, log.monitor, log.total_epochs, log.completed) == (
        "evaluated",
        "val/loss",
        2,
        True,
    )
    assert "no validation split" in log.notes[0]


def test_deepobs_with_a_validation_split_keeps_its_test_apart(tmp_path: Path) -> None:
    log = log_of(tmp_path / "run.json", {**DEEPOBS, "valid_losses": [4.0, 2.0, 1.0]})
    first = next(iter(log.rows))
    assert (first.values["val/loss"], first.values["test/loss"]) == (4.0, 4.25)
    assert log.notes == ()


@pytest.mark.parametrize(
    "document",
    [
        [{"step": 1, "loss": 0.5, "val_loss": 0.75}, {"step": 2, "loss": 0.25, "val_loss": 1.0}],
        {"loss": [0.5, 0.25], "val_loss": [0.75, 1.0]},
        {"history": {"loss": [0.5, 0.25], "val_loss": [0.75, 1.0]}, "params": {"epochs": 2}},
        {"train": {"loss": [0.5, 0.25]}, "val": {"loss": [0.75, 1.0]}},
    ],
)
def test_lists_of_rows_and_lists_as_columns(tmp_path: Path, document: Any) -> None:
    rows = [
        (row.kind, row.step, row.values) for row in log_of(tmp_path / "log.json", document, indent=1).rows
    ]
    assert rows == [
        ("metrics", 1, {"train/loss": 0.5}), ("eval", 1, {"val/loss": 0.75}),
        ("metrics", 2, {"train/loss": 0.25}), ("eval", 2, {"val/loss": 1.0}),
    ]  # fmt: skip


def test_a_document_that_does_not_fit_into_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with open(path, "wb") as file:
        file.write(b'{\n"log_history": [\n')
        file.truncate(MAX_DOCUMENT + 1)
    with pytest.raises(UserError, match=r"one JSON document of 256 MiB; at most 256 MiB"):
        read_foreign(path)
