"""The promise of a seed, on real trainings: the same numbers with the same seed, others with another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guardrun.series.difference import of_the_machine

pytestmark = pytest.mark.torch

TRAIN = """
import random, sys
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
import guardrun

torch.set_num_threads(1)
WORKERS = int(sys.argv[1])

class Augmented(Dataset):
    # Each library's generator takes part in every sample, in the worker where there is one.
    def __len__(self):
        return 24
    def __getitem__(self, index):
        noise = [random.random(), np.random.rand(), float(torch.rand(()))]
        return torch.tensor([index / 24, *noise], dtype=torch.float32), torch.tensor(index % 2)

with guardrun.start() as run:
    run.seed()
    loader = DataLoader(Augmented(), batch_size=6, shuffle=True, num_workers=WORKERS, **run.loader_kwargs())
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run.track(optimizer=optimizer)
    for epoch in run.epochs(2):
        for x, y in run.steps(loader):
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            run.log(loss=loss)
        run.evaluate({"val/loss": float(model(torch.ones(1, 4)).sum())})
"""


def numbers(folder: Path, seed: int, workers: int, *, deterministic: bool = False) -> list[object]:
    """Every value that a training logged, but for those of time."""
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "config.yaml").write_text(
        f"entry: train.py\nargs: ['{workers}']\nseed: {seed}\ndeterministic: {str(deterministic).lower()}\n"
    )
    subprocess.run(
        [sys.executable, "-m", "guardrun.cli.main", "run", "config.yaml"], cwd=folder, check=True,
        capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=120,
    )  # fmt: skip
    (log,) = folder.glob("runs/*/events.jsonl")
    values: list[object] = []
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event["kind"] in ("metrics", "eval"):
            values += [
                (k, v) for k, v in sorted(event.items()) if k not in ("t", "seq") and not of_the_machine(k)
            ]
        if event["kind"] == "seeds":
            values.append(("deterministic", event["deterministic"], event["pythonhashseed"]))
    return values


def test_the_same_seed_gives_every_value_again_with_workers_too_and_another_seed_does_not(
    tmp_path: Path,
) -> None:
    """Those with workers are deterministic, which reaches a training before its first line."""
    wanted = {"a": (3, 0), "b": (3, 0), "c": (4, 0), "d": (3, 2), "e": (3, 2)}

    def train(name: str) -> list[object]:
        seed, workers = wanted[name]
        return numbers(tmp_path / name, seed, workers, deterministic=workers > 0)

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(wanted, pool.map(train, wanted), strict=True))

    assert len(found["a"]) > 30
    assert found["a"] == found["b"]
    assert found["d"] == found["e"], "the workers' generators follow the seed"
    losses = {name: [value for value in values if value[0] == "train/loss"] for name, values in found.items()}
    assert all(one != two for one, two in zip(losses["a"], losses["c"], strict=True))
    assert ("deterministic", True, "3") in found["d"]
    assert ("deterministic", False, "random") in found["a"]
