"""``python -m benchmarks.scaling``: what readers pay as runs, ranks and delays grow, for docs/scaling.md.

The reader is the one that the dashboard, `guard ls` and the supervisor share; times are processor time of
this process, and by the clock only where a disk is made to answer late.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.faults.disks import build_layer, layered
from guardrun.events.encode import encode
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run
from guardrun.following.run_follower import RunFollower

RUNS: Final = (10, 100, 300, 1000)
RANKS: Final = (1, 4, 16, 64)
EVENTS: Final = 20
"""New events of each file at each look."""
DELAYS_MS: Final = (0, 2, 10, 50)


def write(paths: RunPaths, rank: int, first: int, count: int) -> None:
    """A log's next events: eight numbers each."""
    values = {f"train/metric_{number}": 0.123456 for number in range(8)}
    head = {"t": 1.7e9, "seq": 0, "kind": "header", "schema": 1, "attempt": 1, "rank": rank}
    lines = [encode(head)] if first == 0 else []
    lines += [
        encode({"t": 1.7e9 + step, "seq": step, "kind": "metrics", "step": step, "epoch": 0, **values})
        for step in range(first + 1, first + count + 1)
    ]
    with open(paths.events(rank), "ab") as file:
        file.write(b"".join(lines))


def growing(folder: Path, runs: int, ranks: int) -> tuple[float, float, float]:
    """One look at all runs: ms while nothing changed, ms with EVENTS new ones a file; µs of one event."""
    made = [create_run(folder, f"scale-{number}") for number in range(runs)]
    for paths in made:
        for rank in range(ranks):
            write(paths, rank, 0, EVENTS)
    followers = [RunFollower(paths.root, judge=False) for paths in made]
    for follower in followers:
        follower.catch_up()
    idle = _processor(followers)
    for paths in made:
        for rank in range(ranks):
            write(paths, rank, EVENTS, EVENTS)
    busy = _processor(followers)
    for follower in followers:
        follower.close()
    return 1000 * idle, 1000 * busy, 1e6 * (busy - idle) / (runs * ranks * EVENTS)


def _processor(followers: list[RunFollower]) -> float:
    time.sleep(1.2)  # a look that comes too early does nothing
    begun = time.process_time()
    for follower in followers:
        follower.poll(max_seconds=10.0)
    return time.process_time() - begun


def delayed(folder: Path) -> None:
    """In a process with the layer: by the clock, a training's hundred steps and a reader's two looks."""
    import guardrun

    answers = []
    for delay in DELAYS_MS:
        with open(folder / "switch", "r+b") as file, mmap.mmap(file.fileno(), 16) as switch:
            switch[:12] = struct.pack("iii", 0, 0, 0)
            with guardrun.start(runs_dir=folder / "disk") as run:
                switch[:12] = struct.pack("iii", 0, delay, 0)
                begun = time.perf_counter()
                for _ in run.steps(range(100)):
                    run.log(loss=1.0)
                    time.sleep(0.01)
                steps = time.perf_counter() - begun
                assert run.path is not None
                follower = RunFollower(run.path, judge=False)
                begun = time.perf_counter()
                follower.catch_up()
                first = time.perf_counter() - begun
                time.sleep(1.2)
                begun = time.perf_counter()
                follower.poll()
                again = time.perf_counter() - begun
                switch[:12] = struct.pack("iii", 0, 0, 0)
        answers.append([delay, 10 * steps, 1000 * first, 1000 * again])
    print(json.dumps(answers))


def main() -> int:
    """Measure and print Markdown tables."""
    print("| runs | files a run | look, nothing new (ms) | look, 20 new events a file (ms) | an event (µs) |")
    print("|---|---|---|---|---|")
    for runs, ranks in [*((one, 1) for one in RUNS), *((1, one) for one in RANKS[1:])]:
        with tempfile.TemporaryDirectory(prefix="guard-scale-") as name:
            idle, busy, event = growing(Path(name), runs, ranks)
        print(f"| {runs} | {ranks} | {idle:.1f} | {busy:.1f} | {event:.1f} |", flush=True)
    print("\n| each call answers after (ms) | a step of 10 ms (ms) | first look (ms) | next look (ms) |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="guard-scale-") as name:
        folder = Path(name).resolve()
        environment = layered(folder, build_layer(folder))
        command = [sys.executable, "-m", "benchmarks.scaling", str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    for delay, step, first, again in json.loads(done.stdout.splitlines()[-1]):
        print(f"| {delay} | {step:.1f} | {first:.0f} | {again:.0f} |")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        delayed(Path(sys.argv[1]))
        os._exit(0)
    sys.exit(main())
