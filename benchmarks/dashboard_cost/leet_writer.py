"""Run by the Python of a ``wandb`` installation: logs a guard run's rows by the real SDK, offline, then live.

Arguments: events.jsonl, folder, events a second, seconds. Says "ready" when the history is written, and
"silent" when it logs no more.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import time
from typing import Any


def main(events: str, folder: str, rate: float, seconds: float) -> None:
    """Log the history, say so, log on."""
    wandb: Any = importlib.import_module("wandb")
    run = wandb.init(mode="offline", dir=folder, project="guard")
    values: dict[str, float] = {}
    step = 0
    with open(events, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["kind"] in ("metrics", "eval"):
                step = event["step"]
                values = {
                    key: value for key, value in event.items() if key not in ("t", "seq", "kind", "step")
                }
                run.log(values, step=step)
    print("ready", flush=True)
    due = begun = time.monotonic()
    while due - begun < seconds:
        due += 1 / rate
        step += 1
        run.log({key: value * (1 + random.gauss(0, 0.02)) for key, value in values.items()}, step=step)
        time.sleep(max(0.0, due - time.monotonic()))
    print("silent", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
