"""A small data folder for the signals benchmark: real files of the same layout as published logs."""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.signal_judging.loading import Curve

MANIFEST = ("file", "repo", "label", "onset", "tags")


def bulk_curve(id: str, group: str, val: Sequence[float], train: Sequence[float] | None = None) -> Curve:
    """A curve with one evaluation a step."""
    steps = tuple(range(len(val)))
    return Curve("bulk", id, group, steps, tuple(train or val), tuple(val), None, ())


def falling(length: int, *, seed: int = 0, noise: float = 0.01) -> list[float]:
    """A loss that falls from about 2 to about 0.5."""
    rng = random.Random(seed)
    return [(0.5 + 1.5 * math.exp(-5 * i / length)) * math.exp(rng.gauss(0, noise)) for i in range(length)]


def drifting(length: int, *, seed: int = 0) -> list[float]:
    """A validation loss that is best at a fifth of the run and then rises to more than twice its best."""
    rng = random.Random(seed)
    best = length // 5
    down = [2.0 - 1.4 * i / best for i in range(best)]
    up = [0.6 + 1.0 * i / (length - best) for i in range(length - best)]
    return [value * math.exp(rng.gauss(0, 0.005)) for value in [*down, *up]]


def exploding(length: int, *, at: int) -> list[float]:
    """A loss that falls until ``at``, then stands at thirty times where it began."""
    return [value if i < at else 60.0 + i for i, value in enumerate(falling(length))]


def write_csv(path: Path, train: Iterable[float], val: Iterable[float]) -> None:
    """A log as Keras' CSVLogger writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "loss", "val_loss"])
        writer.writerows([epoch, *losses] for epoch, losses in enumerate(zip(train, val, strict=True)))


def write_manifest(folder: Path, rows: Iterable[Sequence[str]]) -> None:
    lines = ["\t".join(MANIFEST), *("\t".join(row) for row in rows)]
    (folder / "MANIFEST.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_bulk(path: Path, curves: Iterable[dict[str, Any]]) -> None:
    """Curves as JSON lines; a number that isn't finite is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for curve in curves:
            whole = {
                key: [x if math.isfinite(x) else None for x in value] if isinstance(value, list) else value
                for key, value in curve.items()
            }
            file.write(json.dumps(whole, allow_nan=False) + "\n")


def make_folder(folder: Path) -> Path:
    """One healthy, one exploding, one nan and one overfitting log, and ten bulk curves in two groups."""
    length = 120
    broken = [value if i < 40 else math.nan for i, value in enumerate(falling(length))]
    logs = folder / "some__repo"
    write_csv(logs / "healthy.csv", falling(length, seed=1), falling(length, seed=2))
    write_csv(logs / "exploded.csv", exploding(length, at=40), exploding(length, at=40))
    write_csv(logs / "nan.csv", broken, broken)
    write_csv(logs / "overfit.csv", falling(length, seed=3), drifting(length))
    write_manifest(
        folder,
        [
            ("some__repo/healthy.csv", "some/repo", "healthy", "", "late_bloomer"),
            ("some__repo/exploded.csv", "some/repo", "exploded", "log 40", ""),
            ("some__repo/nan.csv", "some/repo", "nan", "log 40", "late_nan,wasted"),
            ("some__repo/overfit.csv", "some/repo", "overfit", "eval 24", ""),
            ("some__repo/unclear.csv", "some/repo", "unclear", "", ""),
        ],
    )
    write_bulk(folder / "bulk" / "curves.jsonl.gz", _curves())
    return folder


def _curves() -> Iterable[dict[str, Any]]:
    for number in range(6):
        val = falling(100, seed=number)
        yield {
            "id": f"good {number}",
            "group": "ogbg_small/adam",
            "train": falling(100, seed=9 + number),
            "val": val,
        }
    for number in range(2):
        train, val = falling(100, seed=20 + number), drifting(100, seed=number)
        yield {"id": f"drifts {number}", "group": "set_b/adam", "train": train, "val": val}
    dead = [1.0, 0.9, 0.8] + [math.nan] * 47
    yield {"id": "dead", "group": "set_b/adam", "train": dead, "val": dead}
    flat = [1.0] * 50
    yield {"id": "flat", "group": "set_b/adam", "train": flat, "val": flat, "acc": [0.1] * 50}
