"""Judging many runs: `guard audit` and `guard compare` over 200 runs of 5,000 steps, started as by a user."""

from __future__ import annotations

import math
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson

from benchmarks.measurement import Result

RUNS = 200
STEPS = 5_000
SEEDS = 5
_AIM_S = 10.0
_T0 = 1_764_000_000.0


def measure(runs: int = RUNS, steps: int = STEPS) -> list[Result]:
    """Processor seconds of each command, its start included. Takes about a minute and 250 MB of disk."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "runs"
        for number in range(runs):
            write_run(made, number, steps)
        # A cache folder of its own: what is measured is the first look, and nothing is left behind.
        environment = {**os.environ, "XDG_CACHE_HOME": str(Path(folder) / "cache"), "OMP_NUM_THREADS": "1"}
        return [
            Result(f"guard {name}, {runs} runs × {steps:,} steps", seconds, _AIM_S, "s of processor time")
            for name in ("audit", "compare")
            for seconds in [_timed(name, made, environment)]
        ]


def _timed(command: str, runs: Path, environment: dict[str, str]) -> float:
    begun = _spent()
    done = subprocess.run(
        [sys.executable, "-m", "guardrun.cli.main", command, str(runs)],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 4):
        raise RuntimeError(done.stderr.decode("utf-8", "replace"))
    return _spent() - begun


def _spent() -> float:
    """Processor time of the processes that ended: other people's work on this machine is not theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_run(runs: Path, number: int, steps: int) -> Path:
    """One finished run: 40 configurations of five seeds each."""
    setting, seed = divmod(number, SEEDS)
    root = runs / f"2025-11-24_16-00-00_bench_{number:04x}"
    (root / "attempts").mkdir(parents=True)
    config = {"name": "bench", "seed": seed, "params": {"lr": 0.1 / (setting + 1)},
              "monitor": {"metric": "val/loss", "mode": "min"}}  # fmt: skip
    identity = {"id": root.name, "name": "bench", "group": None, "created": _T0 + number, "parent": None}
    launch = {"attempt": 1, "config": config, "command": ["python", "train.py"], "git": {"commit": "c" * 40},
              "environment": {"python": "3.11", "packages": {"torch": "2.4"}}}  # fmt: skip
    (root / "run.json").write_bytes(orjson.dumps(identity))
    (root / "attempts" / "1.json").write_bytes(orjson.dumps(launch))
    with open(root / "events.jsonl", "wb", buffering=1 << 20) as file:
        for event in _events(root.name, number, steps):
            file.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
    return root


def _events(run_id: str, number: int, steps: int) -> Iterator[dict[str, object]]:
    draw = random.Random(number)
    yield {"t": _T0, "seq": 0, "kind": "header", "schema": 1, "writer": "rank0", "run_id": run_id,
           "attempt": 1, "rank": 0, "world_size": 1}  # fmt: skip
    yield {"t": _T0, "kind": "run_start", "attempt": 1, "monitor": "val/loss", "mode": "min"}
    yield {"t": _T0, "kind": "seeds", "seed": number % SEEDS, "python": 1, "numpy": 1, "torch": 1}
    yield {"t": _T0, "kind": "data", "name": "train", "sha256": "a" * 64, "count": 1000}
    for step in range(1, steps + 1):
        loss = 0.2 + 2 * math.exp(-step / steps * 3) + draw.gauss(0, 0.02)
        yield {"t": _T0 + step / 20, "kind": "metrics", "step": step, "epoch": step // 500,
               "train/loss": loss, "lr": 0.001, "grad_norm": 1 + draw.random() / 9,
               "step_time": 0.05, "data_time": 0.003, "samples_per_s": 640.0 + draw.random()}  # fmt: skip
        if step % 250 == 0:
            yield {"t": _T0 + step / 20, "kind": "eval", "step": step, "improved": True,
                   "val/loss": loss + 0.1 + draw.gauss(0, 0.02)}  # fmt: skip
    yield {
        "t": _T0 + steps / 20,
        "kind": "run_end",
        "status": "finished",
        "reason": "completed",
        "step": steps,
    }
