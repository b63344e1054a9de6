"""Run directories to compare: a few evaluations each, with everything that a comparison looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from run_factory import T0, RunWriter

GIT = {"commit": "a" * 40, "branch": "main", "dirty": False}
ENVIRONMENT = {"python": "3.11.7", "torch": {"version": "2.9.0"}, "cpu": {"model": "a CPU"}, "gpus": []}


def finished_run(
    runs_dir: Path,
    values: Sequence[float] = (2.0, 1.0, 0.5),
    *,
    name: str = "digits",
    seed: int | None = 1,
    group: str | None = None,
    params: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    git: Mapping[str, Any] | None = GIT,
    environment: Mapping[str, Any] = ENVIRONMENT,
    data: Mapping[str, str] | None = None,
    env: Mapping[str, Any] | None = None,
    metric: str = "val/loss",
    mode: str = "min",
    more: Sequence[Mapping[str, float]] = (),
    seconds: float = 0.1,
    per_hour: float | None = None,
    end: tuple[str, str] | None = ("finished", "completed"),
    told: Sequence[tuple[str, Mapping[str, Any]]] = (),
    suffix: str | None = None,
    t: float = T0,
) -> Path:
    """One run that was evaluated every ten steps with these values of its monitor. Its directory."""
    number = len(list(runs_dir.glob("*"))) if runs_dir.exists() else 0
    run = RunWriter(runs_dir, name, suffix=suffix or f"{name}_{number:04x}", group=group, t=t + number)
    effective = {
        "name": name, "seed": seed, "params": dict(params or {}), "monitor": {"metric": metric, "mode": mode},
        "cost": {"per_hour": per_hour, "currency": "EUR"}, **(config or {}),
    }  # fmt: skip
    run.launch(
        config=effective, git=dict(git or {}), environment=dict(environment), host="a-host",
        command=["/venv/bin/python", "train.py"],
    )  # fmt: skip
    run.start(total_steps=10 * len(values), total_epochs=len(values), monitor=metric, mode=mode)
    if seed is not None:
        run.event("seeds", seed=seed, rank=0, python=seed, torch=seed)
    for split, sha in (data if data is not None else {"train": "t" * 64, "val": "v" * 64}).items():
        run.event("data", name=split, sha256=sha, count=100, rule="sha256 of the whole content")
    run.event("env", torch="2.9.0", cuda=None, gpus=[], **(env or {}))
    for kind, fields in told:
        run.event(kind, **fields)
    for index, value in enumerate(values):
        # A wave that is the seed's own, as real losses are.
        run.train(10, seconds=seconds, **{"train/loss": 3.0 / (index + 1) + 0.01 * (seed or 0)})
        extra = more[index] if index < len(more) else {}
        run.evaluate(**{metric: value, **extra})
    if end is not None:
        run.end(*end, attempt=1)
    return run.paths.root


def seeded(runs_dir: Path, finals: Mapping[int | None, float], **options: Any) -> list[Path]:
    """One finished run a seed, that ends with that value."""
    return [
        finished_run(runs_dir, (final + 1.0, final + 0.3, final), seed=seed, **options)
        for seed, final in finals.items()
    ]
