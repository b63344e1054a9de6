"""Three seeds of one real small training, and a kept check: what `guard audit` finds green."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guardrun.cli.main import run
from guardrun.judging.audit_gathering import launch_of
from guardrun.judging.check_records import code_of, config_fingerprint, save_check

SCRIPT = """
import sys
import numpy as np
import guardrun

seed = int(sys.argv[1].removeprefix("--seed="))
draw = np.random.default_rng(0)
x = draw.normal(size=(200, 4))
y = (x @ [1.0, -2.0, 0.5, 0.0] > 0).astype(int)
config = {"seed": seed, "params": {"lr": 0.5}, "stop": {"patience": 9}}
with guardrun.start(name="tiny", config=config) as run:
    run.seed(seed)
    run.data("train", (x[:150], y[:150]))
    run.data("val", (x[150:], y[150:]))
    w = np.random.default_rng(seed).normal(size=4)
    for epoch in run.epochs(3):
        for rows in run.steps(np.array_split(np.random.default_rng(seed + epoch).permutation(150), 10)):
            p = 1 / (1 + np.exp(-x[rows] @ w))
            w -= 0.5 * x[rows].T @ (p - y[rows]) / len(rows)
            run.log(loss=float(np.mean((p - y[rows]) ** 2)))
        loss = float(np.mean((1 / (1 + np.exp(-x[150:] @ w)) - y[150:]) ** 2))
        path = f"weights-{seed}-{epoch}.npy"
        np.save(path, w)
        run.evaluate({"val/loss": loss})
        run.register_checkpoint(path, metrics={"val/loss": loss})
"""
CHECKS = {"baseline": 5, "shuffled-labels": 6, "overfit": 7, "precision": 12, "batch-size": 11}


def runs_of(project: Path) -> list[Path]:
    """By seed: the trainings begin together, and their ids tell no order within a second."""
    return sorted((project / "runs").iterdir(), key=lambda run: (launch_of(run)["config"]["seed"], run.name))


def kept(project: Path, **verdicts: str) -> Path:
    """A result of `guard check`, kept as that command keeps it."""
    launch = launch_of(runs_of(project)[0])
    items = [
        {"id": name, "seed_item": number, "verdict": verdicts.get(name.replace("-", "_"), "pass"),
         "evidence": {"text": f"{name} measured", "metric": "val/loss", "value": 0.9},
         "next": f"look at {name}"}
        for name, number in CHECKS.items()
    ]  # fmt: skip
    return save_check(
        config_fingerprint(launch["config"]),
        code_of(launch["git"]),
        {"verdict": "pass", "items": items},
        project,
    )


def audited(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> Any:
    assert run(["audit", *arguments, "--json"]) == code, capsys.readouterr().out
    return json.loads(capsys.readouterr().out)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in document["items"]}
