"""A script with ``run.epochs`` and ``run.steps`` that was stopped or killed goes on bit for bit."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.load import choose_resume
from guardrun.recording.checkpoints.prove import prove

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
FORK = multiprocessing.get_context("fork")
EPOCHS, BATCHES = 4, 6


@pytest.fixture(autouse=True, scope="module")
def _warm() -> None:
    """The first optimizer of a process imports torch._dynamo, for seconds: once, not in every child."""
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])


class Script(NamedTuple):
    """What the training script of a case does."""

    workers: int = 0
    persistent: bool = False
    logs_early: bool = False
    own_loop: bool = False
    accumulate: int = 1


class Noisy(Dataset):
    def __init__(self, noise: bool) -> None:
        self.noise = noise

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        noise = random.random() + float(np.random.rand()) + torch.rand(4) if self.noise else torch.zeros(4)
        return torch.full((4,), index / 10) + noise, torch.tensor([index % 3 - 1.0])


def train(root: Path, attempt: int, script: Script, ends: dict[int, int]) -> None:
    """The user's script. ``ends`` sends this process a signal in the body of a step."""
    import guardrun
    from guardrun.recording import starting

    starting._process = starting._Process()  # forked from a test process that may have had runs of its own
    os.environ.update(GUARDRUN_DIR=str(root), GUARDRUN_ATTEMPT=str(attempt))
    with guardrun.start() as run, open(root / f"losses.{attempt}", "w", buffering=1) as losses:
        run.seed(7)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        run.track(model=model, optimizer=optimizer, scheduler=scheduler)
        loader = DataLoader(
            Noisy(not script.persistent), shuffle=True, batch_size=4, num_workers=script.workers,
            persistent_workers=script.persistent, **run.loader_kwargs(),
        )  # fmt: skip
        if script.logs_early:
            run.log(parameters=1.0)
        first = run.epoch if script.own_loop else 0
        for epoch in range(first, EPOCHS) if script.own_loop else run.epochs(EPOCHS):
            total = 0.0
            for count, (x, y) in enumerate(run.steps(loader, accumulate=script.accumulate), start=1):
                loss = (model(x) - y).square().mean()
                loss.backward()
                if count % script.accumulate == 0:
                    optimizer.step()
                    optimizer.zero_grad()
                total += loss.item()
                losses.write(f"{run.step} {loss.item().hex()}\n")
                run.log(loss=loss)
                if run.step in ends and count % script.accumulate == 0:
                    os.kill(os.getpid(), ends[run.step])
            value = float(torch.rand(())) + epoch
            run.evaluate({"val/loss": value})
            scheduler.step(value)
        torch.save([model.state_dict(), optimizer.state_dict(), scheduler.state_dict()], root / "end.pt")


def launch(
    root: Path, attempt: int, script: Script, ends: dict[int, int], resume_from: str | None = None
) -> int:
    """One attempt in a process of its own, as `guard run` would begin it; its exit code."""
    paths = RunPaths(root)
    paths.attempts.mkdir(parents=True, exist_ok=True)
    config = {
        "checkpoint": {"every_steps": 4, "every_epochs": 1, "keep": 50},
        "monitor": {"metric": "val/loss"},
    }
    paths.attempt(attempt).write_text(
        json.dumps({"attempt": attempt, "config": config, "resume_from": resume_from})
    )
    child = FORK.Process(target=train, args=(root, attempt, script, ends))
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def losses(root: Path, attempt: int) -> list[tuple[int, str]]:
    lines = (root / f"losses.{attempt}").read_text().splitlines()
    return [(int(step), loss) for step, loss in map(str.split, lines)]


def events(root: Path, kind: str) -> list[dict[str, Any]]:
    lines = (root / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def assert_goes_on_exactly(tmp_path: Path, script: Script, step: int, how: int) -> dict[str, Any]:
    """Compare an interrupted and resumed run with an uninterrupted one; the resume event."""
    assert launch(tmp_path / "whole", 1, script, {}) == 0
    run = tmp_path / "run"
    code = launch(run, 1, script, {step: how})
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 0)
    paths = RunPaths(run)
    assert prove(paths, "last")["verified"]
    choice = choose_resume(paths)
    assert choice is not None

    assert launch(run, 2, script, {}, f"checkpoints/{choice.folder}") == 0

    (resume,) = events(run, "resume")
    place = choice.meta["position"]
    rest = losses(tmp_path / "whole", 1)[place["epoch"] * BATCHES + place["batch"] :]
    assert [loss for _, loss in losses(run, 2)] == [loss for _, loss in rest], resume
    assert script.logs_early or losses(run, 2) == rest
    ends = [torch.load(root / "end.pt", weights_only=True) for root in (tmp_path / "whole", run)]
    assert repr(ends[0]) == repr(ends[1])
    assert all(map(torch.equal, ends[0][0].values(), ends[1][0].values()))
    return resume


@pytest.mark.parametrize("step", [2, 4, 6, 17])
def test_a_stop_and_a_resume_change_nothing(tmp_path: Path, step: int) -> None:
    """In the middle of an epoch, at its last step (6), and in the last epoch but one."""
    resume = assert_goes_on_exactly(tmp_path, Script(), step, signal.SIGTERM)

    assert resume["step"] == step
    assert (resume["exact"], resume["skip"], resume["problems"]) == (True, "replay", [])


@pytest.mark.parametrize("step", [5, 9, 14])
def test_a_kill_and_a_resume_change_nothing_but_the_steps_done_twice(tmp_path: Path, step: int) -> None:
    resume = assert_goes_on_exactly(tmp_path, Script(), step, signal.SIGKILL)

    assert resume["step"] == {5: 4, 9: 8, 14: 12}[step]
    assert resume["exact"]
    assert resume["skip"] == ("none" if step == 14 else "replay")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_of_the_loader_change_nothing(tmp_path: Path, how: int) -> None:
    assert assert_goes_on_exactly(tmp_path, Script(workers=2), 10, how)["exact"]


def test_persistent_workers_keep_the_order_even_from_one_epoch_to_the_next(tmp_path: Path) -> None:
    resume = assert_goes_on_exactly(tmp_path, Script(workers=2, persistent=True), 14, signal.SIGKILL)

    assert resume["skip"] == "none"
    assert not resume["exact"]


def test_numbers_logged_before_the_first_step_do_not_lose_the_place(tmp_path: Path) -> None:
    assert_goes_on_exactly(tmp_path, Script(logs_early=True), 9, signal.SIGKILL)


def test_a_loop_over_epochs_of_the_scripts_own_goes_on_exactly(tmp_path: Path) -> None:
    assert_goes_on_exactly(tmp_path, Script(own_loop=True), 9, signal.SIGTERM)


def test_accumulated_gradients_are_never_cut(tmp_path: Path) -> None:
    resume = assert_goes_on_exactly(tmp_path, Script(accumulate=2), 4, signal.SIGTERM)

    assert (resume["step"], resume["batch"]) == (4, 2)
