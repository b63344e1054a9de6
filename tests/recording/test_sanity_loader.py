"""A script that hands its data to run.data and then trains on its own all the same has not been tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import guardrun
from guardrun.judging.sanity_gathering import trial_of
from guardrun.judging.sanity_model import troubles

X = torch.arange(40.0).reshape(20, 2)
Y = torch.arange(20) % 2


class Reviews(Dataset[Any]):
    """A data set of the script's own around two columns."""

    def __init__(self, texts: Any, labels: Any) -> None:
        self.texts, self.labels = texts, labels

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> Any:
        return self.texts[index], self.labels[index]


def columns() -> tuple[list[str], list[int]]:
    return [f"text {i}" for i in range(20)], [i % 2 for i in range(20)]


KINDS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "tensors": (lambda: TensorDataset(X, Y), lambda data: data),
    "a subset": (lambda: Subset(TensorDataset(X, Y), range(10)), lambda data: data),
    "behind a wrapper": (lambda: TensorDataset(X, Y), lambda data: Subset(data, range(8))),
    "items": (lambda: Reviews(*columns()), lambda data: data),
    "columns of a data set": (columns, lambda data: Reviews(*data)),
    "arrays by name": (
        lambda: {"x": np.zeros((20, 2)), "y": np.arange(20) % 2},
        lambda data: Reviews(data["x"], data["y"]),
    ),
}


def trouble(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, *, returned: bool) -> str:
    """What keeps such a training from being judged under shuffled labels; "" when nothing does."""
    monkeypatch.setenv("GUARDRUN_SANITY", "labels")
    monkeypatch.setenv("GUARDRUN_RUNS_DIR", str(folder))
    make, loaded = KINDS[kind]
    with guardrun.start() as run:
        mine = make()
        theirs = run.data("train", mine)
        assert theirs is not mine
        for _ in run.epochs(2):
            for _ in run.steps(DataLoader(loaded(theirs if returned else mine), batch_size=4)):
                run.log(loss=1.0)
    (path,) = folder.iterdir()
    trial, _ = trial_of(path, "labels", wall=1.0, end="finished", exit_code=0)
    item = troubles("shuffled-labels", trial)
    return "" if item is None else f"{item.verdict}: {item.text}"


@pytest.mark.parametrize("kind", KINDS)
def test_training_on_ones_own_data_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    told = trouble(tmp_path, monkeypatch, kind, returned=False)

    assert told.startswith("unknown: the training did not acknowledge the mode: the batches come from")
    assert 'not from what run.data("train", …) returned' in told


@pytest.mark.parametrize("kind", KINDS)
def test_training_on_what_run_data_returned_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    assert trouble(tmp_path, monkeypatch, kind, returned=True) == ""


def test_a_script_that_acknowledges_by_itself_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARDRUN_SANITY", "overfit:" + '{"train": 4}')
    monkeypatch.setenv("GUARDRUN_RUNS_DIR", str(tmp_path))
    with guardrun.start() as run:
        mine = TensorDataset(X, Y)
        run.data("train", mine)
        run.sanity.acknowledge(examples=4)
        for _ in run.steps(DataLoader(Subset(mine, range(4)), batch_size=4)):
            run.log(loss=1.0)
    (path,) = tmp_path.iterdir()
    trial, _ = trial_of(path, "overfit", wall=1.0, end="finished", exit_code=0)

    assert troubles("overfit", trial) is None
