"""Runs to be shown together: seeds of two configurations, hostile ones, many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dashboard_pilot import FakeFleet, FakeFollower
from guardrun.events import schema
from guardrun.series.store import Series
from guardrun.state.model import Monitor, RunState, Status
from run_factory import T0, RunWriter, run_state

HOSTILE_NAMES = (
    "[red]lr[/]\x1b]0;pwned\x07\x1b[2J-seed1", "学習モデル-学習率-大きい", "\u202eright to left\u202c",
    "😀 emoji 😀", "n" * 200, "n" * 199 + "m", "", "tab\tand\nnewline",
    "resnet50-imagenet-augmented-lr0.1", "resnet50-imagenet-augmented-lr0.3",
)  # fmt: skip


def series(name: str, values: Any, every: int = 1) -> Series:
    """A curve with a point each ``every`` steps, of columns that nobody writes to, as the store's are."""
    value = np.asarray(values, float)
    step = np.arange(1.0, len(value) + 1) * every
    t = T0 + step * 0.05
    for column in (value, step, t):
        column.setflags(write=False)
    return Series(name, step, t, step // 100, value, np.ones(len(value), np.int32))


def losses(lr: float, seed: int, steps: int = 400, *, broken_from: int | None = None) -> dict[str, Series]:
    """Curves that fall faster with a larger lr, and differ by seed."""
    step = np.arange(1.0, steps + 1)
    train = 0.1 + 2 * np.exp(-step * lr / 20) + 0.03 * np.sin(step * (1 + seed))
    if broken_from is not None:
        train[broken_from:] = np.nan
    val = 0.2 + 2 * np.exp(-step[19::20] * lr / 20) + 0.02 * seed
    return {
        "train/loss": series("train/loss", train), "val/loss": series("val/loss", val, 20),
        "val/accuracy": series("val/accuracy", 1 - val / 4, 20), "lr": series("lr", np.full(steps, lr)),
    }  # fmt: skip


def seeded(lr: float, seed: int, **changes: Any) -> RunState:
    """A finished run of one of the configurations."""
    config = {"name": f"digits-lr{lr:g}-seed{seed}", "seed": seed,
              "params": {"lr": lr, "batch_size": 32, "width": 96}, "policy": {"nan": "abort"}}  # fmt: skip
    values: dict[str, Any] = {
        "run_id": f"lr{lr:g}-seed{seed}", "name": config["name"], "status": Status.FINISHED, "config": config,
        "command": ("python", "train.py"), "seeds": {"seed": seed}, "step": 400, "total_steps": 400,
        "monitor": Monitor("val/loss", "min", 0.3, 0.2, 400), "git": {"commit": "a" * 40, "dirty": False},
        "data": ({"kind": "data", "name": "train", "sha256": "1234567890abcdef", "count": 1200},),
        "env": {"python": "3.11.7", "precision": "float32"}, "silent_s": None, "eta_s": None,
    }  # fmt: skip
    return run_state(**{**values, **changes})


def seeds_fleet(*, broken: bool = False) -> FakeFleet:
    """Two configurations by three seeds; one run of them becomes NaN where that is asked for."""
    made = [(lr, seed) for lr in (0.3, 1.0) for seed in (1, 2, 3)]
    return FakeFleet(*(
        FakeFollower(seeded(lr, seed), losses(lr, seed, broken_from=200 if broken and seed == 2 else None))
        for lr, seed in made
    ))  # fmt: skip


def hostile_fleet() -> FakeFleet:
    """Ten runs with names that nobody expects, and curves to match."""
    odd = [
        losses(0.3, 1), losses(0.3, 2, broken_from=0), {}, losses(1.0, 1, 20),
        {"train/loss": series("train/loss", [1e300, -1e300] * 50)}, {"val/loss": series("val/loss", [0.5])},
        losses(0.5, 3), {"val/loss": series("val/loss", [np.inf, -np.inf, np.nan])},
        {"\x1b[31mmetric\x07" + "m" * 100: series("x", np.arange(40.0))}, losses(1.0, 2),
    ]  # fmt: skip
    states = [
        seeded(
            0.1 * number, number, run_id=f"odd{number}", name=name,
            config={"params": {"lr": 0.1 * number, "note": name, "n": {name: [name] * 9}}, "seed": number},
        )
        for number, name in enumerate(HOSTILE_NAMES)
    ]  # fmt: skip
    return FakeFleet(*(FakeFollower(state, curves) for state, curves in zip(states, odd, strict=True)))


def written_seeds(folder: Path, *, lrs: tuple[float, ...] = (0.001, 0.003)) -> list[Path]:
    """Real run directories: three seeds of each learning rate."""
    found = []
    for lr in lrs:
        for seed in (1, 2, 3):
            name = f"digits-lr{lr:g}-seed{seed}"
            run = RunWriter(folder, name, suffix=f"{int(lr * 1000):03}{seed}", group="lr", t=T0 + seed)
            config = {"name": name, "seed": seed, "params": {"lr": lr, "batch_size": 32}}
            run.launch(config=config, git={"commit": "b" * 40, "dirty": False})
            run.start(total_steps=60, total_epochs=3)
            run.event(schema.SEEDS, seed=seed)
            for step in range(1, 61):
                run.step = step
                loss = 2 / (1 + step * lr * 100) + 0.01 * seed
                run.event(schema.METRICS, after=0.05, step=step, epoch=step // 20, **{"train/loss": loss})
                if step % 10 == 0:
                    run.evaluate(**{"val/loss": loss + 0.1})
            run.end()
            found.append(run.paths.root)
    return found
