"""Facts of a sound run and what lies around it, made by hand: tests change one thing and see what tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from guardrun.judging.check_records import Check
from guardrun.judging.checklist_model import Around, Proof
from guardrun.judging.facts import Baseline, Deciding, Mark, RunFacts
from guardrun.judging.log_seal import LogSeal
from guardrun.series.store import Series
from guardrun.state.model import Attempt, CheckpointRef, Status

T0 = 1_764_000_000.0


def curve(name: str, values: Any, every: int = 10) -> Series:
    numbers = np.asarray(values, dtype=float)
    steps = np.arange(1, len(numbers) + 1, dtype=float) * every
    return Series(
        name=name, step=steps, t=T0 + steps, epoch=np.zeros_like(steps), value=numbers,
        attempt=np.ones(len(numbers), dtype=np.int32),
    )  # fmt: skip


def kept_check(*, same_code: bool = True, **verdicts: str) -> Check:
    """A kept `guard check` that passed everything, but for the ids given."""
    known = {"baseline": 5, "shuffled_labels": 6, "overfit": 7, "determinism": 1}
    items = [
        {"id": name.replace("_", "-"), "seed_item": number, "verdict": verdicts.get(name, "pass"),
         "evidence": {"text": "measured"}, "next": f"look at {name}"}
        for name, number in known.items()
    ]  # fmt: skip
    result = {"verdict": "pass", "items": items}
    return Check(result=result, same_code=same_code, commit="c" * 40, time=T0, path=Path("/p/check.json"))


def sound_facts(number: int = 1, **changes: Any) -> RunFacts:
    """A finished run that everything is known of."""
    seed = number
    noise = np.random.default_rng(seed).normal(0, 0.01, 40)
    loss = np.linspace(2.0, 0.1, 40) + noise
    val = np.linspace(2.0, 0.3, 20) + noise[:20]
    best = CheckpointRef(path="checkpoints/step-200-a1", step=200, metric=0.3, sha256="b" * 64, verified=True)
    values: dict[str, Any] = {
        "path": f"runs/run-{seed}", "run_id": f"run-{seed}", "name": "digits", "created": T0 + seed,
        "status": Status.FINISHED, "reason": "completed", "step": 400, "total_steps": 400, "seed": seed,
        "attempts": (Attempt(number=1, started=T0, ended=T0 + 400, status="finished", reason="completed"),),
        "seeds": {"seed": seed, "python": seed, "numpy": seed, "torch": seed},
        "config": {"seed": seed, "params": {"lr": 0.1}, "stop": {"patience": 5, "min_delta": 0.0}},
        "config_origins": {"params.lr": "file"}, "config_source": "/p/config.yaml",
        "git": {"commit": "c" * 40, "dirty": False, "code_sha256": "d" * 64},
        "environment": {"python": "3.11", "packages": {"torch": "2.4"}, "os": "Debian", "cpu": {"model": "x"},
                        "host": "box"},
        "data": {
            "train": {"sha256": "1" * 64, "count": 800, "classes": {"0": 400, "1": 400}, "fields": {"0": {}}},
            "val": {"sha256": "2" * 64, "count": 200, "classes": {"0": 100, "1": 100}, "fields": {"0": {}},
                    "duplicates_with": {"train": 0}},
        },
        "monitor": Deciding("val/loss", "min"), "best": Mark(0.3, 200, 200.0, 3),
        "last": Mark(0.3, 200, 200.0, 3),
        "curves": {"train/loss": curve("train/loss", loss), "val/loss": curve("val/loss", val)},
        "system": {"memory/used_bytes": curve("memory/used_bytes", [3e9, 4e9]),
                   "memory/total_bytes": curve("memory/total_bytes", [8e9, 8e9])},
        "best_checkpoint": best, "last_checkpoint": replace(best, path="checkpoints/step-400-a1", step=400),
        "baseline": Baseline("val/loss", 1.2, "majority class"), "precision": "float32",
        "effective_batch": 32.0, "hours": 0.1, "gpus": 0, "gpu_hours": 0.0, "step_time": 0.01,
        "peak_host_bytes": 4e9,
    }  # fmt: skip
    return RunFacts(**{**values, **changes})


def sound_around(**changes: Any) -> Around:
    """Two more seeds, a passed check, an intact checkpoint."""
    values: dict[str, Any] = {
        "siblings": (sound_facts(2), sound_facts(3)),
        "check": kept_check(),
        "proof": Proof(
            verified=True, file="checkpoints/step-200-a1/meta.json", step=200, metric=0.3, sha256="b" * 64,
            meta={"commit": "c" * 40, "config_sha256": "e" * 64},
        ),
        "kept_diff": False, "seal": LogSeal(announced={"checkpoints/step-200-a1": "b" * 64}),
    }  # fmt: skip
    return Around(**{**values, **changes})
