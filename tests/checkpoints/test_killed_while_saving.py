"""SIGKILL at any instant of a save: best and last always load.

The children are forked, so that no second is spent on importing torch anew in each.
"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoint_kit import Trained
from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.load import load_checkpoint
from guardrun.recording.checkpoints.prove import prove

FORK = multiprocessing.get_context("fork")


def save_for_ever(root: Path, attempt: int, first: int, begun: Any) -> None:
    kit = Trained(root, width=256, attempt=attempt, keep=1)
    for step in range(first, 10**9):
        with torch.no_grad():
            kit.model[0].weight.fill_(step)
        kit.save(step, 1e6 - step if step % 2 else 2e6)
        begun.set()


def test_best_and_last_load_after_every_kill(tmp_path: Path) -> None:
    """Twelve attempts in one run directory, each killed at a random moment of its endless saving."""
    paths = RunPaths(tmp_path / "run")
    chance = random.Random(20261124)
    steps = [0]
    for attempt in range(1, 13):
        begun = FORK.Event()
        child = FORK.Process(target=save_for_ever, args=(paths.root, attempt, steps[-1] + 1, begun))
        child.start()
        assert begun.wait(30)
        time.sleep(chance.uniform(0.0, 0.1))  # the instant of the kill, not a synchronisation
        child.kill()
        child.join()

        for role in ("last", "best"):
            answer = prove(paths, role)
            assert answer["verified"], answer
        last = load_checkpoint(paths, "last")
        assert last.payload["objects"]["model"]["0.weight"].eq(last.meta["step"]).all()
        steps.append(last.meta["step"])
    assert max(later - earlier for earlier, later in itertools.pairwise(steps)) > 1, (
        "killed too early to tell"
    )

    after = Trained(paths.root, attempt=13)
    assert all((paths.checkpoints / name / "meta.json").exists() for name in after.names())
    assert not list(paths.checkpoints.rglob("*.tmp"))


def die_at(root: Path, owner: Any, name: str, call: int) -> None:
    """Three checkpoints, and then SIGKILL from inside when a function is called for the n-th time."""
    kit = Trained(root, keep=0)
    for step in (1, 2, 3):
        kit.save(step, 10.0 - step)
    real: Callable[..., Any] = getattr(owner, name)
    calls = itertools.count(1)

    def dying(*arguments: Any, **named: Any) -> Any:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(owner, name, dying)
    for step in range(4, 9):
        kit.save(step, 10.0 - step)


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize(
    "moment",
    [
        "writing.sync_folder",
        "store.write_meta",
        "roles.write_pointer",
        "housekeeping.prune",
        "rmtree",
        "unlink",
        "replace",
    ],
)
def test_a_kill_right_before_each_stage_leaves_whole_pointers(tmp_path: Path, moment: str, call: int) -> None:
    """The stages of a save in turn: part, metadata, best, last, deletion."""
    room, _, name = moment.rpartition(".")
    owner: Any = {"rmtree": shutil, "unlink": os, "replace": os}.get(moment)
    owner = owner or importlib.import_module(f"guardrun.recording.checkpoints.{room}")
    child = FORK.Process(target=die_at, args=(tmp_path / "run", owner, name, call))
    child.start()
    child.join()

    assert child.exitcode == -signal.SIGKILL
    kit = Trained(tmp_path / "run", attempt=2, keep=0)
    assert prove(kit.paths, "last")["verified"]
    assert prove(kit.paths, "best")["verified"]
    assert kit.save(20, 0.0).roles == ("best", "last")
    assert kit.names() == ["step-20-a2"]
