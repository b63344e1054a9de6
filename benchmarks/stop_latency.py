"""From the request in ``control/`` to the acknowledgement in the log, beyond one step: real trainings.

``python -m benchmarks.stop_latency``: what a key press adds before that (the dashboard's own work) is in
``benchmarks/dashboard.py``.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.measurement import Result, table
from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths

STEPS_S: Final = (0.005, 0.05, 0.2)
TRIALS: Final = 6
_SCRIPT: Final = """
import sys, time, guardrun
with guardrun.start(runs_dir=sys.argv[1]) as run:
    for _ in run.steps(range(100000)):
        run.log(loss=1.0)
        time.sleep(float(sys.argv[2]))
"""


def measure() -> list[Result]:
    """The longest wait of some stops at random instants, beyond one step."""
    chance, results = random.Random(0), []
    for step in STEPS_S:
        waits = sorted(_wait(step, chance.uniform(0.1, 0.1 + 2 * step)) for _ in range(TRIALS))
        median = 1000 * waits[TRIALS // 2]
        unit = f"ms beyond a step of {1000 * step:.0f} ms, longest of {TRIALS}; median {median:.0f}"
        results.append(Result("request to acknowledgement", 1000 * waits[-1], 150.0, unit))
    return results


def _wait(step: float, after: float) -> float:
    with tempfile.TemporaryDirectory(prefix="guard-stop-") as folder:
        process = subprocess.Popen([sys.executable, "-c", _SCRIPT, folder, str(step)])
        log = Path(folder)
        while not (found := list(log.glob("*/events.jsonl"))) or b'"step":2' not in found[0].read_bytes():
            time.sleep(0.01)
        time.sleep(after)
        begun = time.monotonic()
        send_command(RunPaths(found[0].parent), "stop", attempt=1, via="watch")
        while b'"kind":"ack"' not in found[0].read_bytes():
            time.sleep(0.001)
        waited = time.monotonic() - begun
        process.wait()
    return waited - step


if __name__ == "__main__":
    print(table(measure()))
