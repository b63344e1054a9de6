"""A training loss that jumps: information, because large runs spike and recover."""

from __future__ import annotations

from typing import Final

from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.excess import WINDOW, SustainedExcess
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import TRAIN_LOSS, number

FACTOR: Final = 2.0
GIVEN_BACK: Final = 0.05
"""A spike undoes at least this share of what the training had gained: a loss near zero jumps for ever."""


class LossSpike:
    """The training loss jumped; most such spikes recover by themselves.

    Definition: one value above twice the running median of the 50 values before it, by more than eight
    times their noise (MAD) and by a twentieth of all that was gained. It ends when ten values in a row are
    back. One that lasts becomes ``loss_explosion`` or ``collapse``.

    Defaults: twice; tells, and never warns or stops.

    Source: PaLM reports some 20 spikes that recovered; as an alarm, "2x the running mean" would be wrong in a
    third of its stops on published runs.

    Wrong when: single batches differ by nature; then the record is long and means nothing.
    """

    about = About(id="loss_spike", family="health", kinds=frozenset(("metrics",)), clear_after=10)

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._excess = SustainedExcess(FACTOR)

    def update(self, point: Point) -> bool:
        loss = point.values.get(TRAIN_LOSS)
        if loss is None:
            return False
        self._excess.take(point.step, loss)
        return True

    def skim(self, block: Block) -> bool:
        return self._excess.skim(block.values(TRAIN_LOSS))

    def _gained(self, base: float) -> float:
        initial = self._excess.initial
        return 0.0 if initial is None else max(0.0, initial - base)

    def finding(self) -> Finding | None:
        if not self._excess.length:
            return None
        excess = self._excess.current()
        if excess is None or excess.value - excess.base < GIVEN_BACK * self._gained(excess.base):
            return None
        evidence = {
            "metric": TRAIN_LOSS,
            "value": excess.value,
            "base": excess.base,
            "threshold": excess.threshold,
            "window": WINDOW,
        }
        message = (
            f"The training loss jumped from {number(excess.base)} to {number(excess.value)} at step "
            f"{excess.first_step}."
        )
        change = f"{self.about.clear_after} losses in a row below {number(excess.threshold)}"
        return Finding("info", excess.first_step, message, evidence, "Watching: most spikes recover.", change)
