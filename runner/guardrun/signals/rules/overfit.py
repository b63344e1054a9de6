"""Validation drifts up, smoothly and for long, while training still improves.

A sudden jump of the validation loss is instability, not overfitting, and most jumps recover: over 1,404 real
runs with a running training loss, "10 % above best while training improves" alone was wrong 35 times in a
hundred, and with the tests for a jump and for a trend 1 time in a hundred.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final

from guardrun.series.robust import NORMAL_MAD, mann_kendall_z, median
from guardrun.signals.drift import Drift
from guardrun.signals.model import Finding, Point
from guardrun.signals.rules.points import TRAIN_LOSS, number

VAL_LOSS: Final = "val/loss"
SMOOTHING: Final = 5
"""Evaluations in the median that is compared with the best."""
RISE: Final = 0.10
NOISE_SIGMAS: Final = 3.0
MIN_AGE: Final = 8
"""Evaluations since the best."""
MIN_AGE_SHARE: Final = 0.2
"""The same as a share of the evaluations so far."""
TREND_Z: Final = 2.33
"""One-sided 1 % point of the normal distribution, for the Mann-Kendall trend since the best."""
MAX_JUMP: Final = 0.10
"""Largest rise from one evaluation to the next, as a share of the best."""
LONG_AGE: Final = 20
LONG_AGE_SHARE: Final = 0.4
LONG_TREND_Z: Final = 4.0
"""A drift this old and this clear is believed although single evaluations jump: noisy validation."""
LEAST_GAIN: Final = 0.001
"""By which share another metric must beat its best to count as improved."""
_TRAIN_WINDOW: Final = 50
_NOISE_WINDOW: Final = 50
_HIGHER_IS_BETTER: Final = (
    "acc", "f1", "auc", "map", "iou", "bleu", "rouge", "precision", "recall", "r2", "psnr", "ssim", "dice",
    "score", "ndcg", "kappa", "mcc",
)  # fmt: skip
_LOWER_IS_BETTER: Final = ("err", "wer", "cer", "mae", "mse", "fid")


class Overfit:
    """Validation loss drifts above its best while the training loss is below its value at that best."""

    id = "overfit"
    clear_after = 4

    def __init__(self, monitor: str | None = VAL_LOSS, mode: str = "min") -> None:
        self._modes = {monitor: mode} if monitor is not None and monitor.startswith("val/") else {}
        self._loss = monitor if monitor is not None and _is_loss(monitor) and mode == "min" else VAL_LOSS
        self.reset()

    def reset(self) -> None:
        self._train: deque[float] = deque(maxlen=_TRAIN_WINDOW)
        self._train_now: float | None = None
        self._train_at_best = math.inf
        self._recent: deque[float] = deque(maxlen=SMOOTHING)
        self._changes: deque[float] = deque(maxlen=_NOISE_WINDOW)
        self._drift = Drift()
        self._evals = 0
        self._best: float | None = None
        self._best_step = 0
        self._others: dict[str, tuple[float, int]] = {}
        """Another metric -> its best value and the number of that evaluation."""

    def update(self, point: Point) -> bool:
        train = point.values.get(TRAIN_LOSS)
        if train is not None and math.isfinite(train):
            self._train.append(train)
        value = point.values.get(self._loss)
        self._take_others(point, self._evals + (value is not None))
        if value is None:
            return False
        self._evals += 1
        if self._train:
            self._train_now = median(self._train)
            self._train.clear()
        if math.isfinite(value):
            self._take_value(point.step, value)
        return True

    def _take_value(self, step: int, value: float) -> None:
        if self._recent:
            self._changes.append(value - self._recent[-1])
        self._recent.append(value)
        if self._best is None or value < self._best:
            self._best, self._best_step = value, step
            self._train_at_best = math.inf if self._train_now is None else self._train_now
            self._drift.restart(value)
        else:
            self._drift.take(value)

    def _take_others(self, point: Point, evaluation: int) -> None:
        for name, value in point.values.items():
            if not name.startswith("val/") or name == self._loss or not math.isfinite(value):
                continue
            mode = self._modes.get(name) or _direction(name)
            if mode is None:
                continue
            best = self._others.get(name)
            if best is None or (best[0] - value if mode == "min" else value - best[0]) > LEAST_GAIN * abs(
                best[0]
            ):
                self._others[name] = (value, evaluation)

    def finding(self) -> Finding | None:
        age = self._drift.count - 1
        best, train = self._best, self._train_now
        if best is None or train is None or age < max(MIN_AGE, MIN_AGE_SHARE * self._evals):
            return None
        level = median(self._recent)
        noise = self._noise()
        threshold = best + max(RISE * abs(best), NOISE_SIGMAS * noise)
        z = mann_kendall_z(self._drift.sign_sum, self._drift.sampled)
        if level <= threshold or z <= TREND_Z or not train < self._train_at_best:
            return None
        long = z > LONG_TREND_Z and age >= max(LONG_AGE, LONG_AGE_SHARE * self._evals)
        if self._drift.largest_rise > MAX_JUMP * abs(best) and not long:
            return None
        evidence: dict[str, Any] = {
            "metric": self._loss,
            "value": level,
            "threshold": threshold,
            "window": SMOOTHING,
            "best": best,
            "best_step": self._best_step,
            "evaluations_since_best": age,
            "trend_z": round(z, 2),
            "noise": noise,
            "train": train,
            "train_at_best": self._train_at_best,
        }
        return self._report(evidence, level, best)

    def _report(self, evidence: dict[str, Any], level: float, best: float) -> Finding:
        age = int(evidence["evaluations_since_best"])
        risen = f"{(level - best) / abs(best):.0%}" if best else number(level - best)
        message = (
            f"{self._loss} has drifted {risen} above its best of step {self._best_step} over {age} "
            "evaluations, while the training loss still falls"
        )
        better = self._better_since_best(age)
        if better:
            evidence["improved"] = better
            advice = f"Decide which of the two counts before you stop; {better} may be the one you report."
            return Finding("warn", self._best_step, f"{message}; but {better} improves.", evidence, advice)
        advice = (
            f"Stop and keep the checkpoint of step {self._best_step} ({self._loss} {number(best)}); then try "
            "augmentation, weight decay or a smaller model. A new best would clear this."
        )
        return Finding("act", self._best_step, f"{message}: overfitting.", evidence, advice)

    def _noise(self) -> float:
        """Robust standard deviation of one evaluation, from differences, so that a trend is no noise."""
        if len(self._changes) < 3:
            return 0.0
        centre = median(self._changes)
        spread = median([abs(change - centre) for change in self._changes])
        return NORMAL_MAD * spread / math.sqrt(2)

    def _better_since_best(self, age: int) -> str:
        """Another validation metric whose best is newer than that of the loss and still fresh, or ""."""
        stale = max(MIN_AGE, MIN_AGE_SHARE * self._evals)
        for name, (_, evaluation) in self._others.items():
            if self._evals - evaluation < min(age, stale):
                return name
        return ""


def _is_loss(name: str) -> bool:
    return name.startswith("val/") and "loss" in name


def _direction(name: str) -> str | None:
    """Whether more or less of a metric is better, as far as its name tells."""
    words = name.removeprefix("val/").lower().replace("-", "_").replace("/", "_").split("_")
    if any(word.startswith(_LOWER_IS_BETTER) for word in words):
        return "min"
    if any(word.startswith(_HIGHER_IS_BETTER) for word in words):
        return "max"
    return None
