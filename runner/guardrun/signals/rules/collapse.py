"""The training has fallen to a worse level and stays there, below what would count as an explosion."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final

from guardrun.series.robust import median
from guardrun.signals.bests import BestMetrics
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.level import Level, Shift
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rates import learning_rate, lower_rate_advice
from guardrun.signals.rules.points import TRAIN_LOSS, number

STRETCH: Final = 25
LASTING: Final = 4
"""Stretches of logged training losses: a hundred values."""
EVAL_STRETCH: Final = 2
EVAL_LASTING: Final = 5
"""The same for evaluations: ten of them."""

BETWEEN: Final = 50
"""Running losses between two evaluations whose median stands for them: logs may have one an epoch."""

FRESH: Final = 5
FRESH_SHARE: Final = 0.2
"""A metric whose best is not older than so many evaluations, or this share of them, speaks for the run."""


class Collapse:
    """The loss fell to a clearly worse level and does not come back.

    Definition: the level of the training loss (median of 25 logged values; or of two evaluations, by the
    values since the one before where it is not measured in evaluation mode) stays above its best by a
    quarter of that best, by a quarter of all that the training had gained, and by five times the noise of a
    value, for a hundred values (ten evaluations) in a row, and is not falling. Where no training loss is
    logged, the validation loss is judged. When another metric of the validation (the validation loss too,
    where the training loss is judged) is fresh at its best, or another one kept what it had gained, it is
    only told.

    Defaults: a quarter, a hundred values or ten evaluations; warns and never stops a run.

    Source: published runs went from 1.36 to 2.57, far below their untrained loss, and stayed: no rule of
    ratios sees that. Such a level shift is rarely undone, but runs have come back from it.

    Wrong when: the loss changes its meaning by design (a new term, a curriculum, a harder data set).
    """

    about = About(id="collapse", family="health", kinds=frozenset(("metrics", "eval")), clear_after=2)

    def __init__(self, context: Context) -> None:
        monitor = context.settings.monitor
        named = monitor is not None and monitor.startswith("val/") and context.settings.mode == "min"
        self._val_name = monitor if monitor is not None and named else "val/loss"
        declared = monitor is not None and monitor.startswith("val/")
        self._modes = {"val/loss": "min"} | ({monitor: context.settings.mode} if declared and monitor else {})
        self.reset()

    def reset(self) -> None:
        self._running = Level(STRETCH)
        self._evaluated = Level(EVAL_STRETCH)
        self._between: deque[float] = deque(maxlen=BETWEEN)
        """Running losses since the last evaluation."""
        self._per_eval = Level(EVAL_STRETCH)
        self._val = Level(EVAL_STRETCH)
        self._evals = 0
        self._steps: deque[int] = deque(maxlen=BETWEEN)
        """Steps of the last evaluations."""
        self._others = BestMetrics(self._val_name, self._modes)
        self._all = BestMetrics("", self._modes)
        """With the validation loss: a new best of it speaks for the run whose training loss rises."""
        self._lr: float | None = None

    def update(self, point: Point) -> bool:
        self._lr = learning_rate(point.values) or self._lr
        train = point.values.get(TRAIN_LOSS)
        if point.kind == "metrics":
            if train is None:
                return False
            self._between.append(train)
            return self._running.take(point.step, train) or self._running.above > 0
        val = point.values.get(self._val_name)
        self._evals += 1
        self._steps.append(point.step)
        self._others.take(point, self._evals)
        self._all.take(point, self._evals)
        if train is not None:
            self._evaluated.take(point.step, train)
        if val is not None:
            self._val.take(point.step, val)
            known = [loss for loss in self._between if math.isfinite(loss)]
            self._between.clear()
            if known:
                self._per_eval.take(point.step, median(known))
        return train is not None or val is not None

    def skim(self, block: Block) -> bool:
        losses = block.values(TRAIN_LOSS)
        if not len(losses):
            return True
        if not self._running.skim(block.steps_of(TRAIN_LOSS), losses):
            return False
        self._between.extend(losses[-BETWEEN:].tolist())
        self._lr = block.last_rate() or self._lr
        return True

    def finding(self) -> Finding | None:
        if self._evaluated.best is not None:
            return self._judged(self._evaluated, EVAL_LASTING, TRAIN_LOSS)
        if self._running.best is not None or self._per_eval.best is not None:
            found = self._judged(self._running, LASTING, TRAIN_LOSS)
            return found or self._judged(self._per_eval, EVAL_LASTING, TRAIN_LOSS)
        return self._judged(self._val, EVAL_LASTING, self._val_name)

    def _judged(self, level: Level, lasting: int, name: str) -> Finding | None:
        if level.above < lasting:
            return None
        shift = level.shift()
        if shift is None or shift.falling:
            return None
        return self._report(shift, shift.stretches * level.stretch, name)

    def _report(self, shift: Shift, values: int, name: str) -> Finding:
        evidence: dict[str, Any] = {
            "metric": name,
            "value": shift.level,
            "best": shift.best,
            "best_step": shift.best_step,
            "threshold": shift.threshold,
            "noise": shift.noise,
            "window": values,
            "lr": self._lr,
        }
        message = (
            f"{name} fell back from {number(shift.best)} (step {shift.best_step}) to {number(shift.level)} "
            f"and has stayed there for {values} values."
        )
        advice = (
            f"Look at the curve; if it stays, resume from the checkpoint of step {shift.best_step} or before "
            f"and {lower_rate_advice(self._lr)}, or clip gradients at 1.0."
        )
        change = f"a level below {number(shift.threshold)}"
        since = sum(step > shift.best_step for step in self._steps)
        fresh = max(FRESH, math.ceil(FRESH_SHARE * self._evals))
        fresher = self._others if name == self._val_name else self._all
        better = fresher.better_after(self._evals - min(since, fresh))
        better = better or self._others.kept_after(self._evals - since)
        if better:
            evidence["improved"] = better
            advice = f"{better} did not suffer: the loss may count something else by now."
            return Finding("info", shift.first_step, message, evidence, advice, change)
        return Finding("warn", shift.first_step, message, evidence, advice, change)
