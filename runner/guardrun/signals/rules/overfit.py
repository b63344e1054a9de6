"""Validation drifts up, smoothly and for long, while training still improves.

A sudden jump of the validation loss is instability, not overfitting, and most jumps recover: over 1,404 real
runs with a running training loss, "10 % above best while training improves" alone was wrong 35 times in a
hundred, and with the tests for a jump and for a trend 1 time in a hundred.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final

import numpy as np

from guardrun.series.robust import NORMAL_MAD, mann_kendall_z, median
from guardrun.signals.bests import BestMetrics, is_loss
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.drift import Drift
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import TRAIN_LOSS, VAL_LOSS, number

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
_TRAIN_WINDOW: Final = 50
_NOISE_WINDOW: Final = 50


class Overfit:
    """DOC"""

    about = About(id="overfit", family="health", kinds=frozenset(("metrics", "eval")), clear_after=4)

    def __init__(self, context: Context) -> None:
        monitor, mode = context.settings.monitor, context.settings.mode
        named = monitor is not None and monitor.startswith("val/")
        self._modes = {monitor: mode} if monitor is not None and named else {}
        self._loss = monitor if monitor is not None and is_loss(monitor) and mode == "min" else VAL_LOSS
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
        self._evaluated = False
        """Whether the training loss is measured in evaluation mode, beside the validation loss."""
        self._others = BestMetrics(self._loss, self._modes)

    def update(self, point: Point) -> bool:
        train = point.values.get(TRAIN_LOSS)
        if train is not None and point.kind == "eval" and not self._evaluated:
            self._evaluated = True
            self._train.clear()
        if train is not None and math.isfinite(train) and (point.kind == "eval" or not self._evaluated):
            self._train.append(train)
        if point.kind != "eval":
            return False
        value = point.values.get(self._loss)
        self._others.take(point, self._evals + (value is not None))
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

    def skim(self, block: Block) -> bool:
        if not self._evaluated:
            losses = block.values(TRAIN_LOSS)[-_TRAIN_WINDOW:]
            if not np.isfinite(losses).all():
                return False
            self._train.extend(losses.tolist())
        return True

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
        better = self._others.better_after(self._evals - self._freshness(age))
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

    def _freshness(self, age: int) -> int:
        """A best of another metric counts when it is newer than the loss's and than this many evaluations."""
        return min(age, max(MIN_AGE, math.ceil(MIN_AGE_SHARE * self._evals)))
