"""The training that is stopped: DDP on a real small model, in one process or several."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

import guardrun
from benchmarks.faults.forking import as_a_new_process, join_run
from benchmarks.faults.ranks import run_ranks
from guardrun.events.paths import RunPaths

STUBBORN = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(600)"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a trial's training is like."""

    ranks: int
    evaluation_s: float
    """Rank 0 evaluates for so long, and the others wait for it in their next step."""
    slow_rank: int
    slow_s: float
    """One rank takes so much longer for each step."""
    first_step_s: float
    """The first step takes so long, as by compilation."""
    workers: int
    """Of the DataLoader."""
    stubborn: bool
    """Rank 0 has a child in a session of its own that ignores SIGTERM."""


def kind_of(chance: random.Random, ranks: int) -> Kind:
    """A training that may be in evaluation, in its first step, or slow when the stop comes."""
    return Kind(
        ranks, chance.choice((0.0, 0.05, 0.3)), chance.randrange(ranks), chance.choice((0.0, 0.0, 0.03)),
        chance.choice((0.0, 0.0, 0.5)), chance.choice((0, 2)) if ranks == 1 else 0, chance.random() < 0.3,
    )  # fmt: skip


def launch(paths: RunPaths, kind: Kind) -> None:
    """The training's first process: one rank, or an agent with several."""
    join_run(paths, 1)
    if kind.ranks == 1:
        train(kind)
        return
    sys.exit(run_ranks(kind.ranks, train, kind))


def train(kind: Kind) -> None:
    """One rank."""
    as_a_new_process()
    rank = int(os.environ.get("RANK", "0"))
    if kind.ranks > 1:
        dist.init_process_group("gloo")
    if kind.stubborn and rank == 0:
        subprocess.Popen([sys.executable, "-S", "-c", STUBBORN], start_new_session=True)
    with guardrun.start() as run:
        run.seed(3)
        network = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
        model: Any = torch.nn.parallel.DistributedDataParallel(network) if kind.ranks > 1 else network
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        run.track(model=model, optimizer=optimizer)
        data = torch.utils.data.TensorDataset(torch.randn(64, 8))
        loader = torch.utils.data.DataLoader(
            data, batch_size=8, num_workers=kind.workers, **run.loader_kwargs()
        )
        for epoch in run.epochs(10**6):
            for (x,) in run.steps(loader):
                if run.step == 1:
                    time.sleep(kind.first_step_s)
                loss = model(x).square().mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                run.log(loss=loss)
                time.sleep(0.002 + (kind.slow_s if rank == kind.slow_rank else 0.0))
            if rank == 0:
                time.sleep(kind.evaluation_s)
                run.evaluate({"val/loss": 1.0 / (1 + epoch)})
    if kind.ranks > 1:
        dist.destroy_process_group()
