"""Stopped or killed at a random instant and resumed: the same training, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import psutil
import torch

from benchmarks.faults.campaign import Campaign, Row, Trials, scratch
from benchmarks.faults.forking import beside, events, forked, new_run, warm, write_attempt
from benchmarks.faults.resume_training import CONFIG, KINDS, Kind, launch
from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.load import choose_resume

PATIENCE_S: Final = 60.0
COMPARED: Final = ("train/loss", "lr", "loss_scale", "draw", "val/loss")
MOST_ATTEMPTS: Final = 12


class Whole:
    """The runs that nobody interrupted, one of each kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Kind, tuple[RunPaths, float]] = {}

    def of(self, kind: Kind) -> tuple[RunPaths, float]:
        """Its run, and how long it took."""
        if kind not in self._known:
            paths = new_run(self._folder, CONFIG)
            begun = time.monotonic()
            trainer = forked(launch, paths, 1, kind)
            trainer.join(PATIENCE_S)
            if trainer.exitcode != 0:
                raise RuntimeError(f"{kind} does not train: {paths.console.read_text()[-2000:]}")
            self._known[kind] = paths, time.monotonic() - begun
        return self._known[kind]


def run(row: Row, trials: Trials) -> None:
    """Each trial interrupts one training once or twice, resumes it, and compares all there is."""
    warm()
    met = {"stop": 0, "kill": 0, "begun anew": 0, "too late": 0, "saving beside the training": 0}
    with scratch(row, "guard-resumes-") as folder:
        whole = Whole(folder)
        for number, chance in trials:
            kind = KINDS[number % len(KINDS)]
            reference, seconds = whole.of(kind)
            config = beside(CONFIG, chance)
            met["saving beside the training"] += config["checkpoint"]["async"]
            paths = new_run(folder, config)
            problems = train_with_interruptions(paths, kind, config, seconds, chance, met)
            problems = problems or differences(reference, paths, kind)
            row.trials += 1
            row.losses += bool(problems)
            row.violations += [f"trial {number} ({kind}, {paths.root.name}): {text}" for text in problems]
    row.facts.append(", ".join(f"{count} × {what}" for what, count in met.items()))


def train_with_interruptions(
    paths: RunPaths, kind: Kind, config: Mapping[str, Any], seconds: float, chance: random.Random,
    met: dict[str, int],
) -> list[str]:  # fmt: skip
    """Attempt after attempt until the training is over; what went wrong on the way."""
    planned = [chance.choice(("stop", "kill")) for _ in range(chance.choice((1, 1, 2)))]
    for attempt in range(1, MOST_ATTEMPTS):
        resume_from = None
        if attempt > 1:
            choice = choose_resume(paths)
            resume_from = f"checkpoints/{choice.folder}" if choice else None
            met["begun anew"] += choice is None
            write_attempt(paths, attempt, config, resume_from=resume_from)
        trainer = forked(launch, paths, attempt, kind)
        if planned:
            time.sleep(chance.uniform(0.02, seconds))
            interrupt(paths, attempt, trainer, how := planned.pop(), chance)
            met[how] += 1
        trainer.join(PATIENCE_S)
        if trainer.exitcode is None:
            _kill(trainer)
            return [f"attempt {attempt} is not over after {PATIENCE_S:.0f} s"]
        if (paths.root / "end.rank0.pt").exists():
            met["too late"] += bool(planned)
            return []
    return [f"not over after {MOST_ATTEMPTS} attempts: {paths.console.read_text()[-300:]}"]


def interrupt(paths: RunPaths, attempt: int, trainer: BaseProcess, how: str, chance: random.Random) -> None:
    """A safe stop; or SIGKILL, for one rank of several or for everything."""
    if how == "stop":
        send_command(paths, "stop", attempt=attempt, via="cli")
        return
    ranks = psutil.Process(trainer.pid).children() if trainer.is_alive() else []
    if len(ranks) > 1 and chance.random() < 0.5:
        os.kill(chance.choice(ranks).pid, signal.SIGKILL)
    else:
        _kill(trainer)


def _kill(trainer: BaseProcess) -> None:
    """The whole tree, as a machine that loses power would."""
    assert trainer.pid is not None
    try:
        members = [*psutil.Process(trainer.pid).children(recursive=True), psutil.Process(trainer.pid)]
    except psutil.Error:
        return
    for process in members:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(members[:-1], 5)


def differences(whole: RunPaths, resumed: RunPaths, kind: Kind) -> list[str]:
    """What is not as in the run that was never interrupted."""
    found = []
    for rank in range(kind.ranks):
        ends = [
            torch.load(paths.root / f"end.rank{rank}.pt", weights_only=False) for paths in (whole, resumed)
        ]
        found += [f"rank {rank}: {place}" for place in _unlike(ends[0], ends[1], "end")]
        told = [values_of(paths, rank) for paths in (whole, resumed)]
        if told[0] != told[1]:
            unlike = sorted(
                key for key in told[0].keys() | told[1].keys() if told[0].get(key) != told[1].get(key)
            )
            found.append(f"rank {rank}: {len(unlike)} event values, first {unlike[0]}")
    return found


def values_of(paths: RunPaths, rank: int) -> dict[tuple[str, int, int], list[str]]:
    """Every compared value a step, as the newest attempt that came to it tells it."""
    found: dict[tuple[str, int, int], list[str]] = {}
    lines = sorted(
        [*events(paths, "metrics", rank), *events(paths, "eval", rank), *events(paths, "resume", rank),
         *events(paths, "header", rank)], key=lambda event: (event["t"], event["seq"]),
    )  # fmt: skip
    since: int | None = None
    for event in lines:
        if event["kind"] == "header":
            since = 0
            continue
        if event["kind"] == "resume":
            since = event["step"]
        if since is not None:
            found = {key: values for key, values in found.items() if key[1] <= since}
            since = None
        for name in COMPARED:
            if name in event:
                key = (name, event["step"], event.get("epoch", 0))
                # An epoch's evaluation may come twice: the checkpoint was made before it.
                before = [] if event["kind"] == "eval" else found.get(key, [])
                found[key] = [*before, repr(event[name])]
    return found


def _unlike(one: Any, other: Any, place: str) -> list[str]:
    """Where two nested states differ in a single bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if torch.equal(one, other) else [place]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [text for key in one for text in _unlike(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return [text for index, (a, b) in enumerate(pairs) for text in _unlike(a, b, f"{place}.{index}")]
    return [] if repr(one) == repr(other) else [place]


CAMPAIGN = Campaign("resume after stop and after kill", 60, run)
