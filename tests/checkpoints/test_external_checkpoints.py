"""Files that the user's own code saves are hashed and ranked, and never touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from checkpoint_kit import Trained
from guardrun.errors import UserError
from guardrun.recording.checkpoints.load import choose_resume, load_checkpoint
from guardrun.recording.checkpoints.prove import prove
from guardrun.recording.checkpoints.writing import CheckpointFailed


@pytest.fixture
def kit(tmp_path: Path) -> Trained:
    return Trained(tmp_path / "run", keep=0)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_registered_file_becomes_best_and_last_and_can_be_proved(kit: Trained, tmp_path: Path) -> None:
    file = write(tmp_path / "mine.ckpt", "weights")

    saved = kit.store.register(file, step=4, epoch=1, metrics={"val/loss": 0.5})

    assert (saved.path, saved.roles, saved.external, saved.bytes) == (
        "checkpoints/step-4-a1",
        ("best", "last"),
        True,
        7,
    )
    assert saved.event()["own"] == str(file)
    answer = prove(kit.paths, "best")
    assert (answer["verified"], answer["level"], answer["metric"]) == (True, "hash", 0.5)
    assert answer["remarks"] == [f"{file} is the training's own format: hash only"]


def test_a_registered_file_that_changed_afterwards_is_damaged(kit: Trained, tmp_path: Path) -> None:
    file = write(tmp_path / "mine.ckpt", "weights")
    kit.store.register(file, step=4, epoch=1, metrics={"val/loss": 0.5})
    file.write_text("weighty")

    assert f"{file} has the SHA-256" in prove(kit.paths, "best")["problem"]


def test_files_of_the_user_are_never_deleted(kit: Trained, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{step}.ckpt", "x") for step in range(5)]
    for step, file in enumerate(files):
        kit.store.register(file, step=step, epoch=0, metrics={"val/loss": float(step)})

    assert all(file.exists() for file in files)
    assert kit.names() == ["step-0-a1", "step-4-a1"]


def test_a_folder_is_registered_file_by_file(kit: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-500"
    (folder / "deep").mkdir(parents=True)
    write(folder / "a.bin", "a")
    write(folder / "deep" / "b.bin", "bb")

    saved = kit.store.register(folder, step=500, epoch=0)

    meta = json.loads((kit.paths.root / saved.path / "meta.json").read_bytes())
    assert [one["path"] for one in meta["files"]] == [str(folder / "a.bin"), str(folder / "deep" / "b.bin")]
    assert (saved.roles, saved.problem) == (("last",), "")


def test_a_file_that_is_not_there_is_a_users_mistake(kit: Trained, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        kit.store.register(tmp_path / "nothing.pt", step=1, epoch=0)


def test_a_file_that_cannot_be_read_is_a_failure_with_a_reason(kit: Trained) -> None:
    with pytest.raises(CheckpointFailed, match="/dev/null was not registered: is not a regular file"):
        kit.store.register("/dev/null", step=1, epoch=0)


def test_when_best_is_written_over_best_is_the_best_that_still_exists(kit: Trained, tmp_path: Path) -> None:
    """A script that saves each epoch to one and the same file."""
    kit.save(1, 0.7)
    file = write(tmp_path / "model.pt", "good")
    assert kit.store.register(file, step=2, epoch=0, metrics={"val/loss": 0.1}).roles == ("best", "last")
    file.write_text("worse")

    saved = kit.store.register(file, step=3, epoch=1, metrics={"val/loss": 0.9})

    assert "the best checkpoint (step 2) was this same file, which has been written over" in saved.problem
    best = prove(kit.paths, "best")
    assert (best["verified"], best["step"], best["metric"]) == (True, 1, 0.7)


def test_a_better_file_under_the_same_name_is_simply_best(kit: Trained, tmp_path: Path) -> None:
    file = write(tmp_path / "best.pt", "good")
    kit.store.register(file, step=2, epoch=0, metrics={"val/loss": 0.5})
    file.write_text("better")

    saved = kit.store.register(file, step=3, epoch=1, metrics={"val/loss": 0.4})

    assert (saved.roles, saved.problem) == (("best", "last"), "")


def test_a_resume_passes_over_the_users_own_files(kit: Trained, tmp_path: Path) -> None:
    kit.save(1, 0.7)
    torch.save(kit.model.state_dict(), tmp_path / "mine.pt")
    kit.store.register(tmp_path / "mine.pt", step=2, epoch=0, metrics={"val/loss": 0.1})

    choice = choose_resume(kit.paths)

    assert choice is not None
    assert choice.folder == "step-1-a1"
    with pytest.raises(UserError, match="saved by the training's own code"):
        load_checkpoint(kit.paths, "last")


def test_a_file_registered_anew_for_an_earlier_step_leaves_that_steps_folder_alone(
    kit: Trained, tmp_path: Path
) -> None:
    best, last = write(tmp_path / "best.pt", "with optimizer"), write(tmp_path / "last.pt", "x")
    kit.store.register(best, step=4, epoch=1, metrics={"val/loss": 0.5})
    kit.store.register(last, step=9, epoch=2)
    best.write_text("without")  # stripped at the end, as Ultralytics does it

    saved = kit.store.register(best, step=4, epoch=1, metrics={"val/loss": 0.5})

    assert saved.path == "checkpoints/step-4-a1-2"
    assert (prove(kit.paths, "best")["verified"], prove(kit.paths, "best")["step"]) == (True, 4)
