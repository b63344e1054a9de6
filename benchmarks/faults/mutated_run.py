"""A real run to be mutated: trained in a moment, with checkpoints, commands and a supervisor's log."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import torch

import guardrun
from benchmarks.faults.forking import forked, quietly, warm
from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths

RECORDED: Final = Path(__file__).resolve().parents[2] / "sample_runs/recorded"
_LINES: Final = 60


def make_run(folder: Path) -> RunPaths:
    """Trained with the library in a fork; what a supervisor and its samplers write is from a recorded run."""
    warm()
    trainer = forked(_train, folder)
    trainer.join()
    (root,) = (folder / "runs").iterdir()
    paths = RunPaths(root)
    if trainer.exitcode != 0:
        raise RuntimeError(f"the run to be mutated did not train: {(folder / 'console').read_text()[-2000:]}")
    recorded = max(RECORDED.glob("*/supervisor.jsonl"), key=lambda file: file.stat().st_size).parent
    for name in ("supervisor.jsonl", "system.jsonl"):
        lines = (recorded / name).read_bytes().splitlines(keepends=True)
        (root / name).write_bytes(b"".join([*lines[: _LINES // 2], *lines[-_LINES // 2 :]]))
    shutil.copyfile(recorded / "config.yaml", root / "config.yaml")
    shutil.copyfile(folder / "console", root / "console.log")
    send_command(paths, "note", attempt=1, via="cli", text="a note")
    send_command(paths, "tag", attempt=1, via="cli", add=("kept",))
    send_command(paths, "acknowledge", attempt=1, via="watch", signals={"overfit": 5}, until=2e9)
    send_command(paths, "stop", attempt=1, via="cli", grace=5.0)
    return paths


def _train(folder: Path) -> None:
    quietly(folder / "console")
    os.environ.pop("GUARDRUN_DIR", None)
    config = {"checkpoint": {"every_steps": 20}, "params": {"lr": 0.1, "layers": [1, 2]}}
    with guardrun.start(name="mutated", group="mutants", runs_dir=folder / "runs", config=config) as run:
        run.seed(1)
        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.Adam(model.parameters())
        run.track(model=model, optimizer=optimizer)
        for _ in run.epochs(2):
            for _ in run.steps(range(20)):
                loss = model(torch.randn(8, 4)).square().mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                run.log(loss=loss)
            run.evaluate({"val/loss": loss.item(), "val/accuracy": 0.5})
        print("a line of output\r50 %\r100 %")
