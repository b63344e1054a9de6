"""SIGKILL at any instant of a save: best and last always load."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checkpoint_kit import Trained
from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.load import load_checkpoint
from guardrun.recording.checkpoints.prove import prove
from waiting import wait_for

SAVER = """
import sys, torch
sys.path.insert(0, {tests!r})
from checkpoint_kit import Trained
from pathlib import Path
kit = Trained(Path({root!r}), width=256, attempt={attempt}, keep=1)
kit.save({first}, 1e6 - {first})
print("saving", flush=True)
for step in range({first} + 1, 10**9):
    with torch.no_grad():
        kit.model[0].weight.fill_(step)
    kit.save(step, 1e6 - step if step % 2 else 2e6)
"""


def test_best_and_last_load_after_every_kill(tmp_path: Path) -> None:
    """Ten attempts in one run directory, each killed at a random moment of its endless saving."""
    paths = RunPaths(tmp_path / "run")
    chance = random.Random(20261124)
    steps: list[int] = []
    for attempt in range(1, 11):
        first = (steps[-1] if steps else 0) + 1
        code = SAVER.format(
            tests=str(Path(__file__).parents[1]), root=str(paths.root), attempt=attempt, first=first
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"saving\n"
            time.sleep(chance.uniform(0.0, 0.12))  # the instant of the kill, not a synchronisation
            child.send_signal(signal.SIGKILL)

        for role in ("last", "best"):
            answer = prove(paths, role)
            assert answer["verified"], answer
        last = load_checkpoint(paths, "last")
        weight = last.payload["objects"]["model"]["0.weight"]
        if last.meta["step"] != first:
            assert weight.eq(last.meta["step"]).all()
        steps.append(last.meta["step"])
    assert steps == sorted(steps)
    assert max(later - earlier for earlier, later in zip(steps, steps[1:], strict=False)) > 1

    after = Trained(paths.root, attempt=11)
    assert all((paths.checkpoints / name / "meta.json").exists() for name in after.names())
    assert not list(paths.checkpoints.rglob("*.tmp"))


@pytest.mark.parametrize(
    "moment",
    [
        "guardrun.recording.checkpoints.writing.sync_folder",
        "guardrun.recording.checkpoints.store.write_meta",
        "guardrun.recording.checkpoints.roles.write_pointer",
        "guardrun.recording.checkpoints.housekeeping.prune",
        "guardrun.recording.checkpoints.housekeeping.shutil.rmtree",
    ],
)
@pytest.mark.parametrize("call", [1, 2])
def test_a_kill_right_before_each_stage_leaves_whole_pointers(tmp_path: Path, moment: str, call: int) -> None:
    """The stages of a save in turn: part, metadata, best, last, deletion."""
    root = tmp_path / "run"
    module, _, name = moment.rpartition(".")
    code = f"""
import importlib, os, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from checkpoint_kit import Trained
import guardrun.recording.checkpoints.housekeeping, shutil
kit = Trained(Path({str(root)!r}), keep=0)
for step in (1, 2, 3):
    kit.save(step, 10.0 - step)
owner = shutil if {module!r}.endswith("shutil") else importlib.import_module({module!r})
real, calls = getattr(owner, {name!r}), []
def dying(*arguments, **named):
    calls.append(1)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)
setattr(owner, {name!r}, dying)
for step in range(4, 9):
    kit.save(step, 10.0 - step)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    kit = Trained(root, attempt=2)
    assert wait_for(lambda: prove(kit.paths, "last"), 1)["verified"]
    assert prove(kit.paths, "best")["verified"]
    assert kit.save(20, 0.0).roles == ("best", "last")
    assert kit.names() == ["step-20-a2"]
