"""What a checkpoint costs the training: written in its way, and beside it (``checkpoint.async``).

``python -m benchmarks.save_cost``: a model of four million parameters under Adam, some 50 MB a checkpoint:
how long each save held the training, by the clock, as its event tells.
"""

from __future__ import annotations

import statistics
import tempfile
from typing import Any, Final

import guardrun
from benchmarks.measurement import Result, table
from guardrun.events.decode import decode

EVERY: Final = 4
SAVES: Final = 5


def measure() -> list[Result]:
    """How long a save holds the training, both ways, in the same minute on the same disk."""
    plain, size = _held(beside=False)
    beside, _ = _held(beside=True)
    ways = f"of a save in the way ({1000 * plain:.0f} ms for {size / 1e6:.0f} MB: hash, fsync, read again)"
    return [Result("hold of a save beside (async)", beside / plain, 0.5, ways)]


def _held(*, beside: bool) -> tuple[float, int]:
    """Median seconds that a save held the training, and a checkpoint's bytes."""
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = [torch.nn.Linear(1024, 1024) for _ in range(4)]
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    batch = torch.randn(16, 1024)
    config = {"checkpoint": {"every_steps": EVERY, "every_epochs": None, "keep": 0, "async": beside}}
    with (
        tempfile.TemporaryDirectory(prefix="guard-save-") as folder,
        guardrun.start("save-cost", runs_dir=folder, config=config) as run,
    ):
        run.track(model=model, optimizer=optimizer)
        for _ in run.steps(range(EVERY * SAVES)):
            model(batch).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            if run.step % EVERY == EVERY - 1:
                run._saver.settle()  # the one before is over: a save that meets another waits for it
        run.finish()
        assert run.path is not None
        found = [decode(line) for line in (run.path / "events.jsonl").read_bytes().splitlines()]
    saves = [event for event in found if event is not None and event["kind"] == "checkpoint"]
    held = [event["held_s" if beside else "seconds"] for event in saves if event["step"] % EVERY == 0]
    return statistics.median(held), saves[0]["bytes"]


if __name__ == "__main__":
    print(table(measure()))
