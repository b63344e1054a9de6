"""Run directories of any length, as a training leaves them, and live ones that go on growing."""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from guardrun.events.encode import encode
from guardrun.events.paths import RunPaths
from guardrun.provenance.host import boot_id, host_name, process_start

STEP_S: Final = 0.1
_NAMES: Final = ("train/loss", "train/accuracy", "grad_norm", "lr", "step_time", "data_time", "samples_per_s")
EVALUATE_EVERY: Final = 100


def rows(steps: int, *, seed: int, end_t: float) -> Iterator[bytes]:
    """Event lines of a training whose last step was at ``end_t``: with the memory in use eight scalars a
    step, and an evaluation now and then."""
    draw = random.Random(seed)
    begun = end_t - steps * STEP_S
    for step in range(1, steps + 1):
        yield encode(metrics(step, begun + step * STEP_S, steps, draw))
        if step % EVALUATE_EVERY == 0:
            loss = 0.35 + 1.9 * math.exp(-4 * step / steps) + draw.gauss(0, 0.005)
            yield encode(
                {"t": begun + step * STEP_S, "seq": step, "kind": "eval", "step": step, "val/loss": loss}
            )


def metrics(step: int, t: float, steps: int, draw: random.Random) -> dict[str, Any]:
    """One step's event."""
    fall = math.exp(-4 * step / max(1, steps))
    return {
        "t": round(t, 3), "seq": step, "kind": "metrics", "step": step, "epoch": step // 500,
        "train/loss": 0.3 + 2 * fall * math.exp(draw.gauss(0, 0.1)), "train/accuracy": 1 - 0.8 * fall,
        "grad_norm": 0.3 + fall + abs(draw.gauss(0, 0.05)), "lr": 0.001 * fall,
        "step_time": 0.05 + abs(draw.gauss(0, 0.002)), "data_time": 0.005 + abs(draw.gauss(0, 0.0005)),
        "samples_per_s": 1280 + draw.gauss(0, 30), "gpu/memory_allocated_bytes": 8_123_456_789,
    }  # fmt: skip


def make_run(
    runs: Path,
    number: int,
    body: bytes,
    *,
    steps: int,
    end_t: float,
    over: bool = True,
    pid: int | None = None,
) -> RunPaths:
    """A run directory around the rows ``body``, with a supervisor's log; over, or live in process ``pid``."""
    paths = RunPaths(runs / f"2025-11-24_16-00-00_speed_{number:04x}")
    for folder in (paths.attempts, paths.control, paths.leases, paths.checkpoints):
        folder.mkdir(parents=True)
    begun = end_t - steps * STEP_S
    name = f"speed-{number:04d}"
    identity = {
        "id": paths.root.name,
        "name": name,
        "group": f"g{number % 8}",
        "created": begun,
        "parent": None,
    }
    paths.run_json.write_text(json.dumps(identity))
    launch = {
        "attempt": 1,
        "created": begun,
        "config": {"params": {"lr": 0.001 * (1 + number)}},
        "library": True,
    }
    paths.attempt(1).write_text(
        json.dumps({**launch, "command": ["python", "train.py"], "host": host_name()})
    )
    holder = {"pid": pid, "pid_start": process_start(pid) if pid else None, "boot_id": boot_id()}
    head = {"t": begun, "seq": 0, "kind": "header", "schema": 1, "attempt": 1, "host": host_name(), **holder}
    start = {"t": begun, "seq": 0, "kind": "run_start", "attempt": 1, "monitor": "val/loss", "mode": "min"}
    phase = {"t": begun, "seq": 0, "kind": "phase", "phase": "train", "total_steps": 2 * steps}
    end = {"t": end_t, "seq": steps, "kind": "run_end", "attempt": 1, "status": "finished",
           "reason": "completed", "step": steps}  # fmt: skip
    ending = encode({**end, "exit_code": 0}) if over else b""
    paths.events().write_bytes(
        encode({**head, "writer": "rank0", "rank": 0, "world_size": 1})
        + encode(start)
        + encode(phase)
        + body
        + ending
    )
    watcher = {**start, **holder, "command": ["python", "train.py"], "policy": {}}
    paths.supervisor.write_bytes(encode({**head, "writer": "supervisor"}) + encode(watcher) + ending)
    paths.console.write_text("".join(f"epoch {n}: loss {1 / (n + 1):.4f}\n" for n in range(500)))
    return paths


def make_fleet(runs: Path, count: int, steps: int, *, over: bool = True, pid: int | None = None) -> None:
    """``count`` runs of ``steps`` steps; eight different trainings, over and over again."""
    now = time.time()
    bodies: dict[int, bytes] = {}
    for number in range(count):
        seed = number % 8
        if seed not in bodies:
            bodies[seed] = b"".join(rows(steps, seed=seed, end_t=now - 60))
        make_run(runs, number, bodies[seed], steps=steps, end_t=now - 60, over=over, pid=pid)


def keep_writing(runs: Path, rate: float, seconds: float, *, regular: bool = True) -> None:
    """Write ``rate`` events a second into each run below, spread evenly in time; or, not ``regular``,
    after pauses of every length."""
    draw = random.Random(1)
    files = []
    for root in sorted(runs.iterdir()):
        path = RunPaths(root).events()
        last = path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2]
        step = int(json.loads(last).get("step") or 0)
        files.append([os.open(path, os.O_WRONLY | os.O_APPEND), step])
    begun = due = time.monotonic()
    turn = 0
    while due - begun < seconds:
        file = files[turn % len(files)]
        file[1] += 1
        os.write(file[0], encode(metrics(file[1], time.time(), 2 * file[1], draw)))
        turn += 1
        due += (1.0 if regular else 2 * draw.random()) / (rate * len(files))
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    # A process of its own, so that writing takes no processor time from whoever measures.
    folder, per_second, for_seconds, evenly = sys.argv[1:5]
    keep_writing(Path(folder), float(per_second), float(for_seconds), regular=evenly == "regular")
