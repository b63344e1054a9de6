"""The other declared metrics of a run, and how fresh the best of each is."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Final

from guardrun.series.robust import median
from guardrun.signals.model import Point

LEAST_GAIN: Final = 0.001
"""By which share a metric must beat its best to count as improved."""
RECENT: Final = 5
FEWEST: Final = 2
SOME_GAIN: Final = 0.1
"""A metric that moved by less, as a share of its best, has learnt nothing that it could lose."""
KEPT: Final = 1 / 3
"""Of the gain, lost at most: then the metric stands."""
_HIGHER_IS_BETTER: Final = (
    "acc", "f1", "auc", "map", "iou", "bleu", "rouge", "precision", "r2", "psnr", "ssim", "dice",
    "score", "ndcg", "kappa", "mcc", "reward", "return", "success", "recall",
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
    """Feeds on evaluations; remembers of each metric but ``loss`` when it was best, and what is left."""

    def __init__(self, loss: str, modes: Mapping[str, str], least_gain: float = LEAST_GAIN) -> None:
        self._loss = loss
        self._least_gain = least_gain
        self._modes = modes
        self._courses: dict[str, _Course] = {}

    def take(self, point: Point, evaluation: int) -> None:
        """The metrics of the ``evaluation``-th evaluation; those whose direction is not known are ignored."""
        for name, value in point.values.items():
            if not name.startswith("val/") or name == self._loss or not math.isfinite(value):
                continue
            course = self._courses.get(name)
            if course is None:
                mode = self._modes.get(name) or direction(name)
                if mode is not None:
                    self._courses[name] = _Course(-1.0 if mode == "min" else 1.0, value, evaluation)
            else:
                course.take(value, evaluation, self._least_gain)

    def better_after(self, evaluation: int) -> str:
        """A metric whose best is newer than that evaluation, or ""."""
        return next((name for name, course in self._courses.items() if course.best_at > evaluation), "")

    def kept_after(self, evaluation: int) -> str:
        """A metric whose evaluations after that one kept most of what it had gained, or ""."""
        return next((name for name, course in self._courses.items() if course.kept(evaluation)), "")


class _Course:
    __slots__ = ("_first", "_recent", "_sign", "best", "best_at")

    def __init__(self, sign: float, value: float, evaluation: int) -> None:
        self._sign = sign
        self._first = self.best = sign * value
        self.best_at = evaluation
        self._recent: deque[tuple[int, float]] = deque([(evaluation, self.best)], maxlen=RECENT)

    def take(self, value: float, evaluation: int, least_gain: float) -> None:
        value *= self._sign
        self._recent.append((evaluation, value))
        if value - self.best > least_gain * abs(self.best):
            self.best, self.best_at = value, evaluation

    def kept(self, evaluation: int) -> bool:
        gained = self.best - self._first
        recent = [value for at, value in self._recent if at > evaluation]
        if len(recent) < FEWEST or gained <= SOME_GAIN * abs(self.best):
            return False
        return self.best - median(recent) <= KEPT * gained
