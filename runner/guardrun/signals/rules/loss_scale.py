"""Mixed precision that no longer finds a scale: it is at its floor, or too many steps are skipped."""

from __future__ import annotations

from typing import Any, Final

from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rates import learning_rate, lower_rate_advice
from guardrun.signals.rules.points import LOSS_SCALE, number
from guardrun.signals.skipped_steps import SkippedSteps

WINDOW: Final = 100
SHARE: Final = 0.2
"""1 to 2 % of skipped steps are normal."""
FLOOR: Final = 1.0
"""A scale that fell to this no longer scales; DeepSpeed and Megatron-LM go no lower."""
LASTING: Final = 10


class LossScale:
    """The loss scale of mixed precision fell to its floor, or too many steps are skipped for overflow.

    Definition: a loss scale that was above 1 fell to 1 or below and stays there for ten values in a row; or
    more than a fifth of the steps were skipped over a hundred steps. Skipped steps come from counters in the
    log (DeepSpeed's ``skipped``, Megatron-LM's skipped iterations), its overflow lines, or else from halvings
    of the scale and gradient norms that are not finite while a scale is logged.

    Defaults: 1, ten values; 20 % of 100 steps; warns.

    Source: healthy runs of DeepSpeed-Chat skip 1.1 to 1.9 % of their steps, up to 16 of the first. OPT-175B
    calls a scale at its minimum dead, and GLM-130B's collapsed some 30 steps before its loss exploded.

    Wrong when: the scale is fixed at 1 after a start with another (bfloat16 needs none).
    """

    about = About(id="loss_scale", family="health", kinds=frozenset(("metrics",)), clear_after=10)

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._skipped = SkippedSteps(WINDOW)
        self._largest = 0.0
        self._floored = 0
        self._floor_step = 0
        self._scale: float | None = None
        self._lr: float | None = None

    def update(self, point: Point) -> bool:
        concerned = self._skipped.take(point)
        if not concerned:
            return False
        self._lr = learning_rate(point.values) or self._lr
        scale = point.values.get(LOSS_SCALE)
        if scale is not None and scale == scale:
            self._take_scale(point.step, scale)
        return True

    def _take_scale(self, step: int, scale: float) -> None:
        self._scale = scale
        if scale > FLOOR:
            self._largest = max(self._largest, scale)
            self._floored = 0
        elif self._largest > FLOOR:
            if not self._floored:
                self._floor_step = step
            self._floored += 1

    def skim(self, block: Block) -> bool:
        scales = block.values(LOSS_SCALE)
        if self._floored or (len(scales) and scales.min() <= FLOOR) or not self._skipped.skim(block):
            return False
        if len(scales):
            self._lr = block.last_rate() or self._lr
            self._scale = float(scales[-1])
            self._largest = max(self._largest, float(scales.max()))
        return True

    def finding(self) -> Finding | None:
        if self._floored < LASTING and not self._skipped.any:
            return None
        share = self._skipped.share
        if self._floored < LASTING and share <= SHARE:
            return None
        evidence: dict[str, Any] = {
            "metric": LOSS_SCALE,
            "loss_scale": self._scale,
            "skipped": self._skipped.skipped,
            "share": round(share, 3),
            "window": self._skipped.length,
            "lr": self._lr,
        }
        advice = (
            "Use bfloat16 where the hardware has it (it needs no scale); else "
            f"{lower_rate_advice(self._lr)}, clip gradients, and look for a layer whose activations overflow."
        )
        if self._floored >= LASTING:
            evidence |= {"value": self._scale, "threshold": FLOOR, "in_a_row": self._floored}
            message = (
                f"The loss scale fell from {number(self._largest)} to {number(self._scale or 0.0)} and has "
                f"been at its floor for {self._floored} values in a row: gradients overflow at any scale."
            )
            change = f"a loss scale above {number(FLOOR)}"
            return Finding("warn", self._floor_step, message, evidence, advice, change)
        evidence |= {"value": share, "threshold": SHARE}
        message = (
            f"{share:.0%} of the last {self._skipped.length} steps were skipped because gradients overflowed "
            "(1 to 2 % are normal)."
        )
        change = f"less than {SHARE:.0%} of {WINDOW} steps skipped"
        return Finding("warn", self._skipped.first_step, message, evidence, advice, change)
