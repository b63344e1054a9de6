"""A framework's loop, told step by step: what it saves and deletes, and what it is asked to save."""

from __future__ import annotations

import json
import time

import pytest
import torch

from guardrun.events.commands import CHECKPOINT, send_command
from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.external import own_last
from guardrun.recording.mailbox import POLL_S
from guardrun.recording.outer_loop import OuterLoop


@pytest.fixture
def loop(begin):
    made = OuterLoop(begin(), "framework")
    made.begin(step=0, epoch=0, total_steps=100)
    return made


def step(loop: OuterLoop, number: int) -> None:
    loop.batch_came()
    loop.consumed(8, 0)
    loop.step(number, 0, {"loss": 1.0 / number})


def saved(loop: OuterLoop, folder, number: int, loss: float):
    step(loop, number)
    loop.end_evaluation({"eval_loss": loss})
    file = folder / f"{number}.pt"
    file.write_text(str(number))
    loop.saved(file)
    return file


def pointer(loop: OuterLoop, role: str) -> int:
    return json.loads((loop.run.path / "checkpoints" / f"{role}.json").read_bytes())["step"]


def test_a_best_that_its_owner_deletes_is_told_and_the_best_of_the_rest_takes_its_place(
    loop, tmp_path, log_of
):
    best = saved(loop, tmp_path, 1, 0.1)
    saved(loop, tmp_path, 2, 0.3)
    best.unlink()
    saved(loop, tmp_path, 3, 0.4)
    assert (pointer(loop, "best"), pointer(loop, "last")) == (2, 3)
    (told,) = [e["text"] for e in log_of(loop.run, "note") if "deleted" in e["text"]]
    assert told == f"framework: {best} (step 1) was best and has been deleted; step 2 is now"


def test_what_is_deleted_without_a_role_is_forgotten_in_silence(loop, tmp_path, log_of):
    old = saved(loop, tmp_path, 1, 0.5)
    saved(loop, tmp_path, 2, 0.3)
    old.unlink()
    loop.tell_deleted()
    assert not [e for e in log_of(loop.run, "note") if "deleted" in e["text"]]
    assert [path.name for path in (loop.run.path / "checkpoints").glob("step-*")] == ["step-2-a1"]


def test_when_everything_is_deleted_no_pointer_is_left(loop, tmp_path):
    saved(loop, tmp_path, 1, 0.5).unlink()
    loop.tell_deleted()
    paths = RunPaths(loop.run.path)
    assert not paths.pointer("best").exists()
    assert not paths.pointer("last").exists()
    assert own_last(paths) == ("", 0)


def test_the_newest_checkpoint_of_its_own_is_what_a_training_resumes_from(loop, tmp_path):
    saved(loop, tmp_path, 1, 0.5)
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("model", "optimizer"):
        (folder / name).write_text(name)
    step(loop, 2)
    loop.saved(folder)
    assert own_last(RunPaths(loop.run.path)) == (str(folder), 2)


def test_metrics_of_an_earlier_step_do_not_rank_a_later_checkpoint(loop, tmp_path):
    saved(loop, tmp_path, 1, 0.5)
    step(loop, 2)
    later = tmp_path / "later.pt"
    later.write_text("later")
    loop.saved(later)
    assert (pointer(loop, "best"), pointer(loop, "last")) == (1, 2)


def test_a_checkpoint_that_somebody_asks_for_is_due_at_the_next_boundary_once(loop):
    step(loop, 1)
    assert loop.boundary() == (False, False, False)
    send_command(RunPaths(loop.run.path), CHECKPOINT, attempt=1, via="cli")
    time.sleep(POLL_S)
    step(loop, 2)
    assert loop.boundary() == (False, True, False)
    step(loop, 3)
    assert loop.boundary() == (False, False, False)


def test_weights_that_are_not_finite_are_not_worth_saving(loop, log_of):
    model = torch.nn.Linear(2, 1)
    assert loop.worth_saving(model)
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    assert not loop.worth_saving(model)
    assert any("weight holds NaN" in event["text"] for event in log_of(loop.run, "note"))
