"""What ``run.log`` of eight floats costs, against the floor: orjson.dumps and os.write of the same event."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import orjson

import guardrun
from benchmarks.measurement import Result, interleaved, table

CALLS = 5000
REPEATS = 15


def measure() -> list[Result]:
    """The ratio, from neighbouring runs on one file system. Takes about a second."""
    values = {f"metric_{i}": 0.123456789 * (i + 1) for i in range(8)}
    event = {"t": time.time(), "seq": 0, "kind": "metrics", "step": 1, "epoch": 0, **values}
    with tempfile.TemporaryDirectory() as folder, guardrun.start("log-cost", runs_dir=folder) as run:
        fd = os.open(Path(folder) / "floor.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

        def floor() -> None:
            for _ in range(CALLS):
                os.write(fd, orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))

        def log() -> None:
            for _ in range(CALLS):
                run.log(values)

        ratios = []
        for _ in range(REPEATS):
            taken = interleaved({"floor": floor, "log": log}, repeats=1)
            ratios.append(taken["log"] / taken["floor"])
        os.close(fd)
    unit = "of orjson.dumps + os.write of the same event"
    return [Result("run.log of 8 floats", statistics.median(ratios), 2.5, unit)]


if __name__ == "__main__":
    print(table(measure()))
