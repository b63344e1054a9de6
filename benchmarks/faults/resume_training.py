"""The training that is interrupted and resumed: whatever could make two runs of it differ is in it."""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset, DistributedSampler

import guardrun
from benchmarks.faults.forking import as_a_new_process, join_run, quietly
from benchmarks.faults.ranks import run_ranks
from guardrun.events.paths import RunPaths

EPOCHS: Final = 4
SAMPLES: Final = 64
BATCH: Final = 4
CONFIG: Final = {
    "checkpoint": {"every_steps": 3, "every_epochs": 1, "keep": 3},
    "monitor": {"metric": "val/loss"},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a trial's training is like."""

    ranks: int = 1
    workers: int = 0
    accumulate: int = 1


KINDS: Final = (Kind(), Kind(workers=2), Kind(accumulate=2), Kind(ranks=2, accumulate=2))


class Augmented(Dataset[tuple[torch.Tensor, torch.Tensor]]):  # type: ignore[misc]
    """Samples that three generators change each time they are fetched."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        noise = random.random() + float(np.random.rand()) + torch.rand(6)
        return torch.full((6,), index / SAMPLES) + noise, torch.tensor([index % 3 - 1.0])


def launch(paths: RunPaths, attempt: int, kind: Kind) -> None:
    """One attempt: a process of its own, or an agent with its ranks."""
    os.setsid()
    quietly(paths.console)
    join_run(paths, attempt)
    if kind.ranks == 1:
        train(paths.root, kind)
        return
    sys.exit(run_ranks(kind.ranks, train, paths.root, kind))


def train(root: Path, kind: Kind) -> None:
    """One rank, from its beginning or from where a checkpoint says, to its end."""
    as_a_new_process()
    rank = int(os.environ.get("RANK", "0"))
    if kind.ranks > 1:
        dist.init_process_group("gloo")
    with guardrun.start() as run:
        run.seed(7)
        network = torch.nn.Sequential(
            torch.nn.Linear(6, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.4), torch.nn.Linear(16, 1)
        )
        model: Any = torch.nn.parallel.DistributedDataParallel(network) if kind.ranks > 1 else network
        parts = {
            "optimizer": (optimizer := torch.optim.AdamW(model.parameters(), lr=0.02)),
            "scheduler": torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=1000),
            "plateau": torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.9),
            "scaler": torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=5),
            "average": torch.optim.swa_utils.AveragedModel(network),
        }
        run.track(model=model, **parts)
        sampler: Any = DistributedSampler(Augmented(), kind.ranks, rank, seed=5) if kind.ranks > 1 else None
        loader = DataLoader(
            Augmented(), batch_size=BATCH, sampler=sampler, shuffle=sampler is None,
            num_workers=kind.workers, **run.loader_kwargs(),
        )  # fmt: skip
        for epoch in run.epochs(EPOCHS):
            if sampler is not None:
                sampler.set_epoch(epoch)
            for count, batch in enumerate(run.steps(loader, accumulate=kind.accumulate), start=1):
                _step(run, model, network, parts, batch, completes=count % kind.accumulate == 0)
            _evaluate(run, parts["plateau"], rank, kind)
        _keep(root / f"end.rank{rank}.pt", {"model": network, **parts})
    if kind.ranks > 1:
        dist.destroy_process_group()


def _step(run: Any, model: Any, network: Any, parts: dict[str, Any], batch: Any, *, completes: bool) -> None:
    x, y = batch
    loss = (model(x) - y).square().mean()
    parts["scaler"].scale(loss).backward()
    if completes:
        parts["scaler"].step(parts["optimizer"])
        parts["scaler"].update()
        parts["optimizer"].zero_grad()
        parts["scheduler"].step()
        parts["average"].update_parameters(network)
    run.log(loss=loss.item(), lr=parts["optimizer"].param_groups[0]["lr"], draw=random.random())
    time.sleep(0.004)


def _evaluate(run: Any, plateau: Any, rank: int, kind: Kind) -> None:
    value = torch.rand(()) + float(np.random.rand())
    if kind.ranks > 1:
        dist.broadcast(value, 0)
    if rank == 0:
        run.evaluate({"val/loss": float(value)})
    plateau.step(float(value))


def _keep(file: Path, parts: dict[str, Any]) -> None:
    states = {name: part.state_dict() for name, part in parts.items()}
    generators = [random.getstate(), np.random.get_state(), torch.get_rng_state()]
    torch.save({"states": states, "generators": generators}, file)
