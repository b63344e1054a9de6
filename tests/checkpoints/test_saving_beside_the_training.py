"""``checkpoint.async``: the state of the boundary is saved, whatever the training does meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import guardrun
from checkpoint_kit import Trained
from guardrun.events.decode import decode
from guardrun.events.paths import RunPaths
from guardrun.recording import starting
from guardrun.recording.checkpoints.load import load_checkpoint
from guardrun.recording.checkpoints.prove import prove
from guardrun.recording.checkpoints.snapshot import snapshot
from guardrun.recording.checkpoints.store import CheckpointFailed, CheckpointStore

CONFIG = {"checkpoint": {"every_steps": 4, "every_epochs": None, "async": True}}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[guardrun.Run]:
    yield guardrun.start("beside", runs_dir=tmp_path, config=CONFIG)
    for one in list(starting._process.open):
        one.finish()


def told(run: guardrun.Run, kind: str) -> list[dict[str, Any]]:
    assert run.path is not None
    found = map(decode, RunPaths(run.path).events().read_bytes().splitlines())
    return [event for event in found if event is not None and event["kind"] == kind]


def count_up(run: guardrun.Run, model: torch.nn.Linear, steps: int) -> None:
    """A training whose weights are the number of its step."""
    for _ in run.steps(range(steps)):
        with torch.no_grad():
            model.weight.fill_(run.step)


def test_the_training_goes_on_while_the_state_of_the_boundary_is_written(
    run: guardrun.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a copy the file would hold the weights of a later step."""
    seen, passed = threading.Event(), threading.Event()
    real = CheckpointStore.write

    def slow(store: CheckpointStore, *arguments: Any) -> Any:
        assert passed.wait(30)
        seen.set()
        return real(store, *arguments)

    monkeypatch.setattr(CheckpointStore, "write", slow)
    model = torch.nn.Linear(4, 4)
    run.track(model=model)
    for _ in run.steps(range(7)):
        with torch.no_grad():
            model.weight.fill_(run.step)
        if run.step == 6:
            assert not seen.is_set()
            passed.set()
            assert run._saver.settle()
            assert run.path is not None
            loaded = load_checkpoint(RunPaths(run.path), "last")
            assert loaded.meta["step"] == 4
            assert loaded.payload["objects"]["model"]["weight"].eq(4).all()
    run.finish()

    assert [(event["step"], event["roles"]) for event in told(run, "checkpoint")] == [
        (4, ["last"]), (7, ["last"]),
    ]  # fmt: skip
    assert all(event["held_s"] <= event["seconds"] for event in told(run, "checkpoint"))


def test_a_save_that_failed_beside_the_training_is_told_and_made_good_at_the_end(
    run: guardrun.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = CheckpointStore.write, iter([CheckpointFailed("step 8 was not saved: disk full")])

    def failing(store: CheckpointStore, *arguments: Any) -> Any:
        for failure in failures:
            raise failure
        return real(store, *arguments)

    monkeypatch.setattr(CheckpointStore, "write", failing)
    model = torch.nn.Linear(4, 4)
    run.track(model=model)
    count_up(run, model, 4)
    run.finish()

    assert "no checkpoint: step 8 was not saved: disk full" in [note["text"] for note in told(run, "note")]
    assert run.path is not None
    assert prove(RunPaths(run.path), "last")["step"] == 4


def test_weights_that_are_not_finite_are_found_in_the_copy(run: guardrun.Run) -> None:
    model = torch.nn.Linear(4, 4)
    run.track(model=model)
    count_up(run, model, 4)
    with torch.no_grad():
        model.weight.fill_(float("nan"))
    for _ in run.steps(range(4)):
        pass
    run.finish()

    assert run.path is not None
    assert prove(RunPaths(run.path), "last")["step"] == 4
    assert any("holds NaN" in note["text"] for note in told(run, "note"))


def test_a_copy_shares_nothing_with_the_training_and_keeps_what_is_tied_tied() -> None:
    weight = torch.randn(64, 64)
    state = {
        "a": weight,
        "b": weight.t(),
        "row": weight[3],
        "empty": torch.empty(0),
        "plain": [1, ("x", None)],
    }
    expected = weight.clone()

    copied = snapshot(state)
    weight.zero_()

    assert copied["a"].equal(expected)
    assert copied["b"].equal(expected.t())
    assert copied["row"].equal(expected[3])
    assert copied["plain"] == [1, ("x", None)]
    assert copied["a"].untyped_storage().data_ptr() == copied["b"].untyped_storage().data_ptr()


def test_a_disk_that_gives_back_other_bytes_makes_no_checkpoint_and_costs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash of what was sent to the disk says nothing of what is on it."""
    kit = Trained(tmp_path / "run", keep=0)
    kit.save(1, 1.0)
    real = os.fsync

    def rotting(fd: int) -> None:
        os.pwrite(fd, b"\xff", 200)
        real(fd)

    monkeypatch.setattr(os, "fsync", rotting)
    with pytest.raises(CheckpointFailed, match="the disk does not give back what was written to it"):
        kit.save(2, 0.5)
    monkeypatch.undo()

    assert kit.names() == ["step-1-a1"]
    assert prove(kit.paths, "best")["verified"]
