"""The gradient norm stays an order of magnitude above its level: an early sign, never a verdict."""

from __future__ import annotations

from typing import Final

from guardrun.signals.excess import WINDOW, SustainedExcess
from guardrun.signals.model import Finding, Point
from guardrun.signals.rules.points import GRAD_NORM, learning_rate, lower_rate_advice, number

FACTOR: Final = 10.0
"""Absolute limits fail: a healthy fine-tuning run has norms of 1e6 throughout."""
LASTING: Final = 10


class GradExplosion:
    """Gradient norm above ten times its running median, for ten values in a row."""

    id = "grad_explosion"
    clear_after = 20

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._excess = SustainedExcess(FACTOR)
        self._lr: float | None = None

    def update(self, point: Point) -> bool:
        self._lr = learning_rate(point.values) or self._lr
        norm = point.values.get(GRAD_NORM)
        if norm is None:
            return False
        self._excess.take(point.step, norm)
        return True

    def finding(self) -> Finding | None:
        if self._excess.length < LASTING:
            return None
        excess = self._excess.current()
        if excess is None:
            return None
        evidence = {
            "metric": GRAD_NORM,
            "value": excess.value,
            "base": excess.base,
            "threshold": excess.threshold,
            "in_a_row": excess.length,
            "window": WINDOW,
            "lr": self._lr,
        }
        message = (
            f"The gradient norm rose from {number(excess.base)} to {number(excess.value)} at step "
            f"{excess.first_step} and has stayed there for {excess.length} values in a row."
        )
        advice = f"Watch the loss; if it rises too, {lower_rate_advice(self._lr)} or clip gradients at 1.0."
        return Finding("warn", excess.first_step, message, evidence, advice)
