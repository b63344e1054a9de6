"""The other declared metrics of a run, and how fresh the best of each is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from guardrun.signals.model import Point

LEAST_GAIN: Final = 0.001
"""By which share a metric must beat its best to count as improved."""
_HIGHER_IS_BETTER: Final = (
    "acc", "f1", "auc", "map", "iou", "bleu", "rouge", "precision", "recall", "r2", "psnr", "ssim", "dice",
    "score", "ndcg", "kappa", "mcc",
)  # fmt: skip
_LOWER_IS_BETTER: Final = ("err", "wer", "cer", "mae", "mse", "fid")


def is_loss(name: str) -> bool:
    """Whether a validation metric is a loss, by its name."""
    return name.startswith("val/") and "loss" in name


def direction(name: str) -> str | None:
    """Whether more or less of a validation metric is better, by its name; None where that does not tell."""
    words = name.removeprefix("val/").lower().replace("-", "_").replace("/", "_").split("_")
    if any(word.startswith(_LOWER_IS_BETTER) for word in words):
        return "min"
    if any(word.startswith(_HIGHER_IS_BETTER) for word in words):
        return "max"
    return None


class BestMetrics:
    """Feeds on evaluations; remembers when each metric but ``loss`` was best."""

    def __init__(self, loss: str, modes: Mapping[str, str], least_gain: float = LEAST_GAIN) -> None:
        self._loss = loss
        self._least_gain = least_gain
        self._modes = modes
        self._best: dict[str, tuple[float, int]] = {}

    def take(self, point: Point, evaluation: int) -> None:
        """The metrics of the ``evaluation``-th evaluation; those whose direction is not known are ignored."""
        for name, value in point.values.items():
            if not name.startswith("val/") or name == self._loss or not math.isfinite(value):
                continue
            mode = self._modes.get(name) or direction(name)
            if mode is None:
                continue
            best = self._best.get(name)
            if best is None or _gain(value, best[0], mode) > self._least_gain * abs(best[0]):
                self._best[name] = (value, evaluation)

    def better_after(self, evaluation: int) -> str:
        """A metric whose best is newer than that evaluation, or ""."""
        return next((name for name, (_, at) in self._best.items() if at > evaluation), "")


def _gain(value: float, best: float, mode: str) -> float:
    return best - value if mode == "min" else value - best
