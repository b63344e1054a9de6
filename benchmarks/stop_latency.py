"""From the request in ``control/`` until every rank has acknowledged the stop, and until every rank has left.

``python -m benchmarks.stop_latency``: real trainings of 1, 2 and 4 ranks (gloo), asked at random instants;
what a key press adds before that (the dashboard's own work) is in ``benchmarks/dashboard.py``.
"""

from __future__ import annotations

import functools
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

import torch
import torch.distributed as dist

import guardrun
from benchmarks.faults.forking import events, forked, join_run, new_run, quietly, warm
from benchmarks.faults.ranks import run_ranks
from benchmarks.measurement import Result, table
from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths
from guardrun.events.schema import ACK, RUN_END

RANKS: Final = (1, 2, 4)
STEPS_S: Final = (0.005, 0.05, 0.2)
TRIALS: Final = 6
BEYOND_MS: Final = 150.0
PATIENCE_S: Final = 60.0


class Waited(NamedTuple):
    """Seconds from one request until every rank had acknowledged it, and until every rank had left."""

    acknowledged: float
    left: float


def measure() -> list[Result]:
    """The longest wait of some stops at random instants, beyond one step (of several ranks: beyond two)."""
    warm()
    chance, results = random.Random(0), []
    for ranks in RANKS:
        for step in STEPS_S:
            waits = [_wait(ranks, step, chance.uniform(0.1, 0.1 + 2 * step)) for _ in range(TRIALS)]
            results += [
                _result("acknowledged", ranks, step, [each.acknowledged for each in waits]),
                _result("all left", ranks, step, [each.left for each in waits]),
            ]
    return results


def _result(what: str, ranks: int, step: float, waits: list[float]) -> Result:
    steps = 1 if ranks == 1 else 2
    beyond = sorted(1000 * (wait - steps * step) for wait in waits)
    allowed = "a step" if steps == 1 else "two steps"
    unit = f"ms beyond {allowed} of {1000 * step:.0f} ms, longest of {len(beyond)}"
    unit += f"; median {beyond[len(beyond) // 2]:.0f}"
    return Result(f"stop, {ranks} rank{'s' * (ranks > 1)}: {what}", max(0.0, beyond[-1]), BEYOND_MS, unit)


def _wait(ranks: int, step: float, after: float) -> Waited:
    with tempfile.TemporaryDirectory(prefix="guard-stop-") as folder:
        paths = new_run(Path(folder), {})
        launcher = forked(_launch, paths, ranks, step)
        _until(paths, ranks, "metrics", least=2)
        time.sleep(after)
        begun = time.monotonic()
        send_command(paths, "stop", attempt=1, via="watch")
        _until(paths, ranks, ACK)
        acknowledged = time.monotonic() - begun
        _until(paths, ranks, RUN_END)
        left = time.monotonic() - begun
        launcher.join(PATIENCE_S)
    return Waited(acknowledged, left)


def _until(paths: RunPaths, ranks: int, kind: str, *, least: int = 1) -> None:
    """Wait until the log of every rank has so many events of this kind."""
    deadline = time.monotonic() + PATIENCE_S
    while any(len(events(paths, kind, rank)) < least for rank in range(ranks)):
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"no {kind} of every rank within {PATIENCE_S:g} s: {paths.console.read_text()}"
            )
        time.sleep(0.001)


def _launch(paths: RunPaths, ranks: int, step: float) -> None:
    quietly(paths.console)
    join_run(paths, 1)
    train = functools.partial(_train, ranks, step)
    if ranks == 1:
        train()
    else:
        sys.exit(run_ranks(ranks, train))


def _train(ranks: int, step: float) -> None:
    if ranks > 1:
        dist.init_process_group("gloo")
    gradient = torch.ones(8)
    with guardrun.start() as run:
        for _ in run.steps(range(100_000)):
            time.sleep(step)
            if ranks > 1:
                dist.all_reduce(gradient)
            run.log(loss=1.0)
    if ranks > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    results = measure()
    print(table(results))
    sys.exit(0 if all(result.held for result in results) else 1)
