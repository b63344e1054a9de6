"""The gradient norm stays an order of magnitude above its level: an early sign, never a verdict."""

from __future__ import annotations

from typing import Final

from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.excess import WINDOW, SustainedExcess
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rates import learning_rate, lower_rate_advice
from guardrun.signals.rules.points import GRAD_NORM, number

FACTOR: Final = 10.0
"""Absolute limits fail: a healthy fine-tuning run has norms of 1e6 throughout."""
LASTING: Final = 10
FEWEST: Final = 10
"""Norms before a rise."""


class GradExplosion:
    """The gradient norm stays an order of magnitude above its level.

    Definition: ten values in a row are above ten times the running median of the 50 values before the rise,
    and above it by more than eight times their noise (MAD). The median stands still while the rise lasts.
    The first ten norms are never a rise: layers that start at zero have hardly any gradient at first.

    Defaults: ten times, ten values; warns and never stops a run.

    Source: loss spikes of BLOOM-176B were preceded by gradient norms of 0.24, 0.95, 2.4, 15.9, 145 within
    four steps (BigScience tr11 chronicles). Absolute limits fail: a healthy fine-tuning run has norms of 1e6
    throughout.

    Wrong when: the norm is logged rarely (at every hundredth step it rose before the loss in 6 of 309 runs
    with a spike), or when it grows by design, as after a change of the batch size.
    """

    about = About(id="grad_explosion", family="health", kinds=frozenset(("metrics",)), clear_after=20)

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._excess = SustainedExcess(FACTOR, fewest=FEWEST)
        self._lr: float | None = None

    def update(self, point: Point) -> bool:
        self._lr = learning_rate(point.values) or self._lr
        norm = point.values.get(GRAD_NORM)
        if norm is None:
            return False
        self._excess.take(point.step, norm)
        return True

    def skim(self, block: Block) -> bool:
        if not self._excess.skim(block.values(GRAD_NORM)):
            return False
        self._lr = block.last_rate() or self._lr
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
        change = f"{self.about.clear_after} norms in a row below {number(excess.threshold)}"
        return Finding("warn", excess.first_step, message, evidence, advice, change)
