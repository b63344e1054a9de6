"""Which checkpoint is best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from guardrun.recording.checkpoints.layout import Damage, complete_folders, read_meta
from guardrun.recording.checkpoints.pointers import Pointer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from guardrun.events.paths import RunPaths


def is_better(metric: float, best: float | None, mode: str) -> bool:
    """Finite, and strictly better than ``best`` (None: there is none yet)."""
    if not math.isfinite(metric):
        return False
    if best is None:
        return True
    return metric < best if mode == "min" else metric > best


def only_finite(metrics: Mapping[str, Any] | None) -> dict[str, float]:
    """The metrics that are finite numbers (NumPy's and 0-d tensors count), as floats."""
    found = {}
    for name, value in (metrics or {}).items():
        try:
            number = float(value)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            continue
        if math.isfinite(number):
            found[name] = number
    return found


def rank_best(paths: RunPaths, mode: str, *, without: Collection[str] = ()) -> Pointer | None:
    """The complete checkpoint with the best metric, the oldest of equals; None when none has a metric."""
    best: Pointer | None = None
    for name in complete_folders(paths):
        if str(name) in without:
            continue
        found = read_meta(paths.checkpoints / str(name))
        if isinstance(found, Damage):
            continue
        metric = found.body.get("metric")
        if isinstance(metric, int | float) and is_better(metric, best.metric if best else None, mode):
            best = Pointer(str(name), found.sha256, found.body["step"], float(metric))
    return best
