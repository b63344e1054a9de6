"""``python -m benchmarks.faults.disk_trials FOLDER``: a trial for each line of standard input, JSON for each.

Must hold: the training ends by itself, with the parameters of a training without guard; every event is in
the log or counted as dropped; who looks at the run sees the count; best and last are proven.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import torch

import guardrun
from benchmarks.faults.disk_faults import Fault, possible
from benchmarks.faults.forking import events, forked, join_run, new_run, quietly, warm
from guardrun.events.decode import decode
from guardrun.events.paths import RunPaths
from guardrun.following.run_follower import RunFollower
from guardrun.recording import run_folder
from guardrun.recording.checkpoints.load import NoSuchCheckpoint, load_checkpoint
from guardrun.recording.checkpoints.prove import prove

EPOCHS: Final = 10
STEPS: Final = 12
PAUSE_S: Final = 0.003
LONGEST_S: Final = 60.0
CONFIG: Final = {"checkpoint": {"every_steps": 5, "every_epochs": 1, "keep": 1}}


def train(paths: RunPaths | None, console: Path, answer: Connection) -> None:
    """The same numbers with guard and (``paths`` None) without."""
    quietly(console)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(128, 128), torch.nn.ReLU(), torch.nn.Linear(128, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    answer.send("begun")

    def step() -> torch.Tensor:
        loss = (model(torch.randn(8, 128)) - 1.0).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    told: dict[str, Any] = {}
    if paths is None:
        for _ in range(EPOCHS * STEPS):
            step()
    else:
        join_run(paths, 1)
        with guardrun.start() as run:
            run.track(model=model, optimizer=optimizer)
            for epoch in run.epochs(EPOCHS):
                for _ in run.steps(range(STEPS)):
                    run.log(loss=step())
                    time.sleep(PAUSE_S)
                run.evaluate({"val/loss": 1.0 / (1 + epoch)})
        writer = run._session.writer
        told = {"steps": run.step, "dropped": writer.dropped, "events": writer._seq}
    weights = [parameter.detach().double().sum().item() for parameter in model.parameters()]
    answer.send({"weights": weights, **told})


class Trial:
    """One training, one fault at a random instant, and what is left."""

    def __init__(
        self,
        folder: Path,
        kinds: list[type[Fault]],
        number: int,
        chance: random.Random,
        expected: list[float],
    ) -> None:
        self.chance = chance
        self.expected = expected
        self.fault: Fault = kinds[number % len(kinds)](folder / "disk" / str(number), chance)
        self.console = folder / f"console-{number}"
        self.problems: list[str] = []
        self.met = {self.fault.name: 1}
        self.uncounted = 0

    def run(self) -> dict[str, Any]:
        """Make the disk, train, strike, heal perhaps, and look."""
        self.fault.prepare()
        try:
            paths = new_run(self.fault.root, CONFIG)
            told = self._train(paths)
            if told is not None:
                self._look(paths, told)
        finally:
            self.fault.clear()
        return {
            "fault": self.fault.name, "problems": self.problems, "met": self.met, "uncounted": self.uncounted,
        }  # fmt: skip

    def _train(self, paths: RunPaths) -> dict[str, Any] | None:
        here, there = multiprocessing.Pipe()
        trainer = forked(train, paths, self.console, there)
        there.close()
        assert trainer.pid is not None
        here.recv()
        heals = self.fault.heals and not self.fault.lasting and self.chance.random() < 0.6
        time.sleep(self.chance.uniform(0.0, 0.9))
        try:
            self.fault.strike(trainer.pid, paths.root)
            if heals:
                time.sleep(self.chance.uniform(0.0, 0.8))
                self.fault.heal(trainer.pid, paths.root)
        except (OSError, ValueError):
            if trainer.is_alive():
                raise
            self.met["struck too late"] = 1
        self.met["healed"] = int(heals)
        trainer.join(LONGEST_S)
        if trainer.is_alive():
            trainer.kill()
            self.problems.append(f"the training did not end within {LONGEST_S:g} s")
            return None
        if not heals and not self.fault.lasting:  # so that what was written can be looked at
            try:
                self.fault.heal(os.getpid(), paths.root)
            except OSError:
                self.met["struck too late"] = 1
        if trainer.exitcode != 0 or not here.poll():
            words = self.console.read_text(errors="replace")[-300:]
            self.problems.append(f"the training ended with {trainer.exitcode}: {words}")
            return None
        told: dict[str, Any] = here.recv()
        return told

    def _look(self, paths: RunPaths, told: dict[str, Any]) -> None:
        if told["weights"] != self.expected:
            self.problems.append("the training's numbers are not those of a training without guard")
        if told["steps"] != EPOCHS * STEPS:
            self.problems.append(f"{told['steps']} steps of {EPOCHS * STEPS}")
        self.met["events dropped"] = told["dropped"]
        words = self.console.read_text(errors="replace")
        if "Traceback" in words:
            self.problems.append(f"a traceback on the console: {words[-300:]}")
        if told["dropped"] and not ("can't be written" in words or "could not be written" in words):
            self.problems.append("nothing on the console of the events that were dropped")
        if not self.fault.lasting:
            self._count(paths, told)
            self._prove(paths)
        elif "was made anew" in words:
            self.met["directory made anew"] = 1
            self._count_anew(paths, told)
            self._prove(paths)

    def _count(self, paths: RunPaths, told: dict[str, Any]) -> None:
        """Each event is in the log, or counted; and who looks at the run sees how many are not."""
        lines = paths.events().read_bytes().split(b"\n")
        found = [event for event in map(decode, lines) if event is not None]
        missing = told["events"] - len({event["seq"] for event in found})
        self.uncounted = max(0, missing - told["dropped"])
        if any(event["kind"] == "run_end" for event in found):
            follower = RunFollower(paths.root, judge=False)
            follower.catch_up()
            shown = follower.state().dropped_events
            follower.close()
            if shown != told["dropped"]:
                self.problems.append(f"{told['dropped']} events were dropped, {shown} are shown")

    def _count_anew(self, paths: RunPaths, told: dict[str, Any]) -> None:
        """From the new log's first event to the end nothing is missing, and the run is a run again."""
        if not paths.run_json.exists():
            self.problems.append("the directory that was made anew has no run.json")
        lines = paths.events().read_bytes().split(b"\n")
        found = {event["seq"] for event in map(decode, lines) if event is not None and event["seq"]}
        self.uncounted = len(set(range(min(found, default=0), told["events"])) - found)

    def _prove(self, paths: RunPaths) -> None:
        newest = {
            role: max(
                (event["step"] for event in events(paths, "checkpoint") if role in event["roles"]), default=0
            )
            for role in ("last", "best")
        }
        for role, step in newest.items():
            try:
                proof = prove(paths, role)
                load_checkpoint(paths, role)
            except NoSuchCheckpoint:
                if step:
                    self.problems.append(f"{role} was told at step {step} and is not there")
                continue
            if not proof["verified"]:
                self.problems.append(f"{role}: {proof['problem']}")
            if (proof["step"] or 0) < step:
                self.problems.append(f"{role} is of step {proof['step']}; step {step} was told")


def reference(folder: Path) -> list[float]:
    """The parameters that this training comes to without guard."""
    here, there = multiprocessing.Pipe()
    forked(train, None, folder / "console", there)
    here.recv()
    weights: list[float] = here.recv()["weights"]
    return weights


def main(folder: Path) -> None:
    """Until standard input ends."""
    warm()
    run_folder.LOOK_S = 0.1  # these trainings last a second, not days
    expected = reference(folder)
    kinds = possible()
    for line in sys.stdin:
        number, seed = map(int, line.split())
        print(json.dumps(Trial(folder, kinds, number, random.Random(seed), expected).run()), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
