"""The training loss left its level and stays far above it. A single spike never raises this."""

from __future__ import annotations

import math
from typing import Any, Final

from guardrun.signals.excess import RECENT, WINDOW, Excess, SustainedExcess
from guardrun.signals.model import Finding, Point
from guardrun.signals.rules.points import TRAIN_LOSS, learning_rate, lower_rate_advice, number

FACTOR: Final = 3.0
LASTING: Final = 50
"""Values in a row above three times the median before: 0 wrong stops in 1,731 real step-level logs."""
BEYOND_LASTING: Final = RECENT
"""Enough when the loss is even three times worse than before any training, and not falling."""
WATCHED: Final = 10
"""From here on a person is told; nothing is done yet."""
GIVEN_BACK: Final = 0.25
"""An explosion undoes at least this share of what the training had gained (0.001 -> 0.005 does not)."""


class LossExplosion:
    """Training loss above three times its running median, and far above its noise, for long."""

    id = "loss_explosion"
    clear_after = 10

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._excess = SustainedExcess(FACTOR)
        self._lr: float | None = None
        self._lr_at_start: float | None = None

    def update(self, point: Point) -> bool:
        self._lr = learning_rate(point.values) or self._lr
        loss = point.values.get(TRAIN_LOSS)
        if loss is None:
            return False
        self._excess.take(point.step, loss)
        if self._excess.length <= 1:
            self._lr_at_start = self._lr
        return True

    def finding(self) -> Finding | None:
        if self._excess.length < min(WATCHED, BEYOND_LASTING):
            return None
        excess = self._excess.current()
        if excess is None or not self._undoes_progress(excess):
            return None
        needed = BEYOND_LASTING if self._beyond_untrained(excess) and not excess.recovering else LASTING
        return self._report(excess, needed)

    def _undoes_progress(self, excess: Excess) -> bool:
        gained = (self._excess.initial or 0.0) - excess.base
        return excess.value - excess.base >= GIVEN_BACK * gained

    def _beyond_untrained(self, excess: Excess) -> bool:
        initial = self._excess.initial
        start = excess.base if initial is None else max(initial, excess.base)
        return excess.lowest > start + (FACTOR - 1) * abs(start)

    def _report(self, excess: Excess, needed: int) -> Finding:
        sure = excess.length >= needed
        evidence: dict[str, Any] = {
            "metric": TRAIN_LOSS,
            "value": excess.value,
            "base": excess.base,
            "threshold": excess.threshold,
            "in_a_row": excess.length,
            "needed": needed,
            "window": WINDOW,
            "lr": self._lr_at_start,
        }
        risen = (
            f"from {number(excess.base)} to {number(excess.value)}"
            if math.isfinite(excess.value)
            else "without bound"
        )
        message = (
            f"The training loss rose {risen} at step {excess.first_step} and has stayed there for "
            f"{excess.length} values in a row."
        )
        if not sure:
            return Finding(
                "warn", excess.first_step, message, evidence, "Watching: many spikes recover by themselves."
            )
        advice = (
            f"Abort. Resume from a checkpoint before step {excess.first_step}, or start again; "
            f"{lower_rate_advice(self._lr_at_start)}, clip gradients at 1.0, or warm up longer."
        )
        return Finding("act", excess.first_step, message, evidence, advice)
