"""A training without torch: a running sum, saved in a file of its own, that goes on exactly from there."""

from __future__ import annotations

import json
import time

import guardrun

with guardrun.start() as run:
    assert run.path is not None
    saved = run.path / "sum.json"
    step, total = json.loads(saved.read_text()) if saved.exists() else (0, 0.0)

    @run.on_stop
    def save(at: int) -> None:
        saved.write_text(json.dumps([step, total]))
        run.register_checkpoint(saved, step=step)

    print("begins at", step, flush=True)
    while step < run.config["params"]["steps"] and not run.should_stop:
        step += 1
        total = total * 0.99 + step
        time.sleep(0.01)
        run.log(step=step, loss=total)
    print("ends at", step, total.hex(), flush=True)
