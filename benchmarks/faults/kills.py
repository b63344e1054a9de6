"""kill -9 of a trainer that logs at full speed and saves all the time, of its supervisor, or of both."""

from __future__ import annotations

import mmap
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import torch

import guardrun
from benchmarks.faults.campaign import Campaign, Row, Trials, scratch
from benchmarks.faults.forking import beside, events, forked, join_run, new_run, warm
from benchmarks.faults.supervised import as_training
from benchmarks.faults.supervisor_kills import both, supervisor_alone
from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.load import NoSuchCheckpoint, choose_resume, load_checkpoint
from guardrun.recording.checkpoints.prove import prove
from guardrun.recording.checkpoints.store import CheckpointStore
from guardrun.supervising.process_tree import become_subreaper

LONGEST_S: Final = 0.7
CONFIG: Final = {
    "checkpoint": {"every_steps": 1, "every_epochs": 1, "keep": 2},
    "monitor": {"metric": "val/loss"},
}
COUNTED: Final = "count"


def train(paths: RunPaths, returned: mmap.mmap) -> None:
    """Until it is killed. ``returned`` outlives it: how many calls of log() have returned."""
    join_run(paths, 1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    count = 0
    with guardrun.start() as run:
        run.track(model=model, optimizer=optimizer)
        for epoch in run.epochs(10**6):
            for _ in run.steps(range(4)):
                loss = model(torch.ones(8, 64)).square().mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                for _ in range(50):
                    count += 1
                    run.log({COUNTED: float(count)})
                    returned[:8] = count.to_bytes(8, "little")
            run.evaluate({"val/loss": 1.0 / (1 + epoch)})


def run(row: Row, trials: Trials) -> None:
    """Each trial kills one training, its supervisor, or both, then asks the folder what is left."""
    warm()
    become_subreaper()  # whose parent was killed becomes ours
    met: Counter[str] = Counter()
    with scratch(row, "guard-kills-") as folder:
        for number, chance in trials:
            config = beside(CONFIG, chance)
            met["saving beside the training"] += config["checkpoint"]["async"]
            paths = new_run(folder, config)
            returned = mmap.mmap(-1, 8)
            how = KILLS[number % len(KILLS)]
            problems = how(paths, lambda: train(paths, returned), chance, met)  # noqa: B023
            row.trials += 1
            count = int.from_bytes(returned[:8], "little")
            met["events"] += count
            row.losses += lost_events(paths, count)
            problems += examine(paths, met)
            row.violations += [
                f"trial {number} ({how.__name__}, {paths.root.name}): {text}" for text in problems
            ]
    row.facts.append(", ".join(f"{count} × {what}" for what, count in sorted(met.items())))


def trainer_alone(
    paths: RunPaths, launch: Callable[[], None], chance: random.Random, met: Counter[str]
) -> list[str]:
    """A training that nobody supervises."""
    met["trainer alone"] += 1
    trainer = forked(as_training, paths, launch)
    time.sleep(chance.uniform(0.02, LONGEST_S))
    assert trainer.pid is not None
    os.kill(trainer.pid, signal.SIGKILL)
    trainer.join()
    return []


KILLS: Final = (trainer_alone, both, trainer_alone, supervisor_alone)
"""In turn."""


def lost_events(paths: RunPaths, returned: int) -> int:
    """Of the calls of log() that returned, those whose event no reader finds."""
    found = {int(event[COUNTED]) for event in events(paths, "metrics") if COUNTED in event}
    return sum(number not in found for number in range(1, returned + 1))


def examine(paths: RunPaths, met: Counter[str]) -> list[str]:
    """What does not hold of the checkpoints that a killed training left."""
    problems = []
    told = events(paths, "checkpoint")
    for role in ("last", "best"):
        try:
            proof = prove(paths, role)
            load_checkpoint(paths, role)
        except NoSuchCheckpoint:
            if any(role in event["roles"] for event in told):
                problems.append(f"{role} was told and is not there")
            met["no checkpoint yet"] += role == "last"
            continue
        if not proof["verified"]:
            problems.append(f"{role}: {proof['problem']}")
        newest = max((event["step"] for event in told if role in event["roles"]), default=0)
        if (proof["step"] or 0) < newest:
            problems.append(f"{role} is of step {proof['step']}, step {newest} was told")
    choice = choose_resume(paths)
    if choice is not None and choice.damaged:
        problems.append(f"a resume passes over {', '.join(map(str, choice.damaged))}")
    return problems + leftovers(paths, met)


def leftovers(paths: RunPaths, met: Counter[str]) -> list[str]:
    """What the next attempt's first look does not clean up, or cleans up though it is good."""
    before = _folders(paths)
    CheckpointStore(paths, attempt=2).prepare()
    after = _folders(paths)
    met["leftovers of an unfinished save"] += bool(before.keys() - after)
    problems = [f"{name} was left unfinished and stays" for name in after if not before[name]]
    return problems + [f"{name} was whole and is gone" for name in before.keys() - after if before[name]]


def _folders(paths: RunPaths) -> dict[str, bool]:
    """Each folder of a checkpoint, and whether its metadata is there."""
    return {
        path.name: (path / "meta.json").is_file()
        for path in paths.checkpoints.iterdir()
        if path.is_dir() and not path.is_symlink()
    }


CAMPAIGN = Campaign("kill -9 of trainer, supervisor or both at random instants", 200, run)
