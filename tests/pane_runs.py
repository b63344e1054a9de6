"""Runs for the panes of the run screen: one that has everything, one whose every text is hostile."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard_pilot import BEST, LAST, MONITOR, NAN, OVERFIT, FakeFollower, FakeStore, curves
from guardrun.following.saved import Saved, SavedFolder
from guardrun.series.store import SYSTEM, Series
from guardrun.state.model import Attempt, RunState, Status
from run_factory import T0, run_state

HOSTILE = "[red]x[/]\x1b]0;pwned\x07\x1b[2J\u202eright\u202c 学習モデル \U0001f600 " + "n" * 200
GB = 1e9
_OUTPUT = [f"epoch {n}: loss {9 / (n + 9):.4f}" for n in range(300)]


class RankedStore(FakeStore):
    """Curves of several ranks and of the machine."""

    def __init__(self, by_rank: dict[int, dict[str, Series]]) -> None:
        super().__init__(by_rank.get(0, {}))
        self.by_rank = by_rank

    def names(self, rank: int = 0) -> list[str]:
        return list(self.by_rank.get(rank, {}))

    def ranks(self) -> list[int]:
        return sorted(rank for rank in self.by_rank if rank >= 0)

    def get(self, name: str, rank: int = 0) -> Series:
        return self.by_rank.get(rank, {}).get(name) or super().get("", 9)


def series(name: str, values: Any, every: int = 1) -> Series:
    """A curve with a point each ``every`` steps."""
    value = np.asarray(values, float)
    step = np.arange(1.0, len(value) + 1) * every
    return Series(name, step, when(step), step // 100, value, np.ones(len(value), np.int32))


def when(step: Any) -> Any:
    """The time of a step; step 500 is now, and ages lie in the middle of what is shown as one."""
    return time.time() - (500 - step) * 7.4


def machine(steps: int = 500) -> dict[str, Series]:
    """Samples of a host with two GPUs."""
    wave = np.sin(np.arange(steps // 10) / 5)
    made = {
        "cpu/percent": 60 + 30 * wave, "memory/used_bytes": (20 + 4 * wave) * GB,
        "memory/total_bytes": 64 * GB + 0 * wave, "disk/free_bytes": 800 * GB - wave,
        "tree/rss_bytes": (6 + wave) * GB, "network/received_bytes_per_s": (20 + 10 * wave) * 1e6,
        "network/sent_bytes_per_s": (2 + wave) * 1e6,
    }  # fmt: skip
    for gpu in range(2):
        made |= {
            f"gpu{gpu}/utilization": 80 + 15 * wave, f"gpu{gpu}/memory_bytes": (40 + gpu + 2 * wave) * GB,
            f"gpu{gpu}/memory_total_bytes": 80 * GB + 0 * wave, f"gpu{gpu}/power_w": 350 + 40 * wave,
            f"gpu{gpu}/temperature_c": 70 + 4 * wave,
        }  # fmt: skip
    return {name: series(name, values, 10) for name, values in made.items()}


def ranks(steps: int = 500, slow: int = 2, count: int = 4) -> dict[int, dict[str, Series]]:
    """Ranks of which one waits for its data, and the machine."""
    made: dict[int, dict[str, Series]] = {SYSTEM: machine(steps)}
    for rank in range(count):
        wave = np.sin(np.arange(steps) * 1.7 + rank)
        first = curves(steps) if rank == 0 else {}
        made[rank] = {
            **{name: replace(each, t=when(each.step)) for name, each in first.items()},
            "step_time": series("step_time", 0.05 + 0.002 * wave),
            "data_time": series("data_time", (0.03 if rank == slow else 0.001) + 0 * wave),
            "train/loss": series("train/loss", 0.4 + 0.05 * wave),
        }
    return made


def _folder(step: int, metric: float, **changes: Any) -> SavedFolder:
    folder = SavedFolder(
        f"checkpoints/step-{step}-a1", step, step // 100, 12_345_678, when(step), True, metric
    )
    return replace(folder, **changes)


def launch_facts() -> dict[str, Any]:
    """What a launcher records."""
    return {
        "config": {"name": "digits", "seed": 42, "params": {"lr": 0.02, "epochs": 60, "width": 96}},
        "config_raw": {"name": "digits", "seed": 42, "params": {"lr": 0.005, "epochs": 60}},
        "config_origins": {
            "name": "file", "seed": "file", "params.lr": "override", "params.epochs": "file",
            "params.width": "default",
        },
        "git": {
            "commit": "bc85709b7d700a4f208abb74bfc2134dd447fa2e", "branch": "main", "dirty": True,
            "diff_bytes": 2592, "untracked": ["notes.txt"], "code_sha256": "126518cf0677fb0b",
        },
        "environment": {
            "python": "3.11.7", "os": "Debian GNU/Linux 12", "memory_bytes": 64 * GB,
            "gpus": [{"name": "NVIDIA H200"}, {"name": "NVIDIA H200"}],
            "packages": {"numpy": "2.4.6", "torch": "2.13.0", "orjson": "3.13.0"},
        },
    }  # fmt: skip


def rich_state(**changes: Any) -> RunState:
    """A supervised run of four ranks with signals in several states."""
    signals = (
        replace(OVERFIT, id="stagnation", cleared_at=420, raised_at=300, first_step=250),
        replace(OVERFIT, id="straggler", severity="info", acknowledged_at=430),
        OVERFIT, NAN,
    )  # fmt: skip
    values: dict[str, Any] = {
        "run_id": "a", "monitor": MONITOR, "signals": signals, "best": BEST, "last": LAST, "ranks": 4,
        "last_event_t": time.time(), "command": ("python", "train.py"), "host": "node7",
        "attempts": (Attempt(1, T0, 0, T0 + 9, "stopped", "stop:cli"), Attempt(2, T0 + 20, 100)),
        "seeds": {"seed": 42, "python": 42, "torch": 42, "deterministic": True, "not_seeded": ["cuda"]},
        "notes": ("loss is stored as train/loss",),
    }  # fmt: skip
    return run_state(**{**values, **changes})


def rich_follower(**changes: Any) -> FakeFollower:
    """A run for which every pane has something to show."""
    follower = FakeFollower(
        rich_state(**changes), {}, [f"epoch {n}: loss {9 / (n + 9):.4f}" for n in range(300)]
    )
    follower.series = RankedStore(ranks())
    follower.launch = launch_facts()
    follower.saved = Saved(
        (_folder(500, 0.3412), _folder(450, 0.35, complete=False), _folder(400, 0.3301), _folder(350, 0.36)),
        free_bytes=900_000_000_000,
    )
    follower.proofs = {("best", BEST.path): {"verified": True, "level": "full", "t": T0}}
    follower.all_told = {
        "checkpoint": [{"path": f"checkpoints/step-{n}-a1", "step": n, "t": T0} for n in range(50, 501, 50)],
        "data": [data_event("train", 1437), data_event("val", 360)],
        "test_use": [{"name": "test", "findings": [finding()]}],
    }
    return follower


def data_event(name: str, count: int) -> dict[str, Any]:
    """What a training tells of a data set."""
    field = {
        "kind": "numeric",
        "dtype": "float32",
        "missing": 3,
        "mean": 0.3045,
        "std": 0.3757,
        "min": 0.0,
        "max": 1.0,
    }
    label = {
        "kind": "numeric",
        "dtype": "int64",
        "missing": 0,
        "mean": 4.4875,
        "std": 2.86,
        "min": 0,
        "max": 9,
        "label": True,
    }
    return {
        "kind": "data", "name": name, "count": count, "bytes": count * 264,
        "sha256": "3845898bf3b68950b83692ff",
        "classes": {str(n): count // 10 for n in range(10)}, "fields": {"0": field, "1": label},
    }  # fmt: skip


def finding(text: str = "the test split was measured on before") -> dict[str, Any]:
    """A finding of the data's checks."""
    return {
        "id": "test_used_early",
        "severity": "warn",
        "message": text,
        "next": "choose settings by val alone",
    }


def hostile_follower() -> FakeFollower:
    """The same run, but every text that a run can bring is hostile, and numbers are out of bounds."""
    signal = replace(
        NAN, id=HOSTILE, message=HOSTILE, advice=HOSTILE, would_change=HOSTILE,
        evidence={HOSTILE: HOSTILE, "inf": float("inf"), "tiny": 1e-300, "list": [HOSTILE] * 9},
    )  # fmt: skip
    state = rich_state(
        name=HOSTILE, host=HOSTILE, signals=(signal,), gpu_note=HOSTILE, command=(HOSTILE,),
        notes=(HOSTILE,), group=HOSTILE, reason=HOSTILE, status=Status.FAILED, error=HOSTILE, silent_s=None,
        seeds={HOSTILE: HOSTILE, "seed": HOSTILE}, env={HOSTILE: HOSTILE},
        best=replace(BEST, path=f"checkpoints/{HOSTILE}", verified=False, problem=HOSTILE, metric=1e300),
        last_event_t=time.time() - 5400, eta_s=None,
    )  # fmt: skip
    follower = FakeFollower(state, {}, [HOSTILE, "\t\x1b[31m" + "w" * 500, "学" * 300, "\r", ""])
    by_rank = ranks(40)
    by_rank[1]["step_time"] = series("step_time", [float("nan"), float("inf"), 1e300, -1e300])
    by_rank[3] = {HOSTILE: series(HOSTILE, [1.0])}
    follower.series = RankedStore(by_rank)
    follower.launch = {
        "config": {HOSTILE: HOSTILE, "x": [HOSTILE], "n": None}, "config_origins": {HOSTILE: HOSTILE},
        "git": {"commit": HOSTILE, "dirty": True, "untracked": [HOSTILE] * 20, "diff_bytes": "no number"},
        "environment": {"packages": {HOSTILE: HOSTILE}, "gpus": [HOSTILE, 7], "cpu": {"model": HOSTILE}},
    }  # fmt: skip
    follower.saved = Saved(
        (_folder(7, float("inf"), path=f"checkpoints/{HOSTILE}", t=None, bytes=0),), more=3
    )
    follower.proofs = {(HOSTILE, BEST.path): {"verified": "yes", "level": 7}}
    follower.all_told = {
        "data": [{"kind": "data", "name": HOSTILE,
                  "fields": {HOSTILE: {"mean": "NaN", "dtype": HOSTILE}, "y": 7},
                  "findings": [finding(HOSTILE), 7]}],
        "split": [{"path": HOSTILE, "counts": {HOSTILE: HOSTILE}}],
        "settings": [{"models": {HOSTILE: {"type": HOSTILE}}, "optimizers": {"o": {"groups": [7]}}}],
        "checkpoint": [{"path": 7}, {"path": [HOSTILE]}, {"path": HOSTILE, "external": True}],
    }  # fmt: skip
    return follower
