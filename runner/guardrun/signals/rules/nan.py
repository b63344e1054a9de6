"""A loss or gradient norm that is no longer a number. One is a warning; many never came back."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from guardrun.signals.model import Finding, Point
from guardrun.signals.rules.points import GRAD_NORM, TRAIN_LOSS, learning_rate, lower_rate_advice

LOSS_STREAK: Final = 5
"""Training losses in a row: over real logs none of the runs that had this many ever recovered."""
FIRST_LOSSES: Final = 3
"""A run whose first losses are all non-finite never was healthy."""
EVAL_STREAK: Final = 3
GRAD_STREAK: Final = 20
"""A dynamic loss scale that starts at 2**16 may skip up to 16 steps in a row while it settles."""
SKIP_WINDOW: Final = 100
SKIP_SHARE: Final = 0.2
"""1 to 2 % of skipped steps are normal in mixed precision; a fifth is not."""


class NonFinite:
    """Non-finite training loss, gradient norm and validation metrics."""

    id = "nan"
    clear_after = 20

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._losses = 0
        self._loss = _Streak()
        self._grad = _Streak()
        self._evals: dict[str, _Streak] = {}
        self._skips: deque[bool] = deque(maxlen=SKIP_WINDOW)
        self._skipped = 0
        self._last_finite: int | None = None
        self._lr: float | None = None
        self._scaled = False
        """Whether a loss scale is logged: then a non-finite gradient norm is a skipped step."""

    def update(self, point: Point) -> bool:
        self._lr = learning_rate(point.values) or self._lr
        self._scaled = self._scaled or "loss_scale" in point.values
        concerned = self._take_loss(point)
        concerned = self._take_grad(point) or concerned
        for name, value in point.values.items():
            if name.startswith("val/"):
                self._evals.setdefault(name, _Streak()).take(point.step, value)
                concerned = True
        return concerned

    def _take_loss(self, point: Point) -> bool:
        loss = point.values.get(TRAIN_LOSS)
        if loss is None:
            return False
        self._losses += 1
        self._loss.take(point.step, loss)
        if not self._loss.length:
            self._last_finite = point.step
        return True

    def _take_grad(self, point: Point) -> bool:
        norm = point.values.get(GRAD_NORM)
        if norm is None:
            return False
        self._grad.take(point.step, norm)
        if len(self._skips) == SKIP_WINDOW:
            self._skipped -= self._skips[0]
        self._skips.append(bool(self._grad.length))
        self._skipped += self._skips[-1]
        return True

    def finding(self) -> Finding | None:
        return self._loss_finding() or self._grad_finding() or self._eval_finding()

    def _loss_finding(self) -> Finding | None:
        length = self._loss.length
        if not length:
            return None
        from_start = length == self._losses
        lasting = length >= LOSS_STREAK or (from_start and length >= FIRST_LOSSES)
        evidence = {
            "metric": TRAIN_LOSS,
            "value": self._loss.value,
            "in_a_row": length,
            "threshold": FIRST_LOSSES if from_start else LOSS_STREAK,
            "last_finite_step": self._last_finite,
        }
        if not lasting:
            message = f"The training loss is {_word(self._loss.value)} at step {self._loss.first}."
            return Finding("warn", self._loss.first, message, evidence, "Watching: one may be skipped.")
        if from_start:
            message = f"The training loss was never a number: the first {length} values are all non-finite."
            advice = (
                "Abort. Check the inputs for NaN, the loss for log(0) or a division by 0, and the precision."
            )
        else:
            message = (
                f"The training loss has been {_word(self._loss.value)} since step {self._loss.first}, "
                f"{length} values in a row; such runs do not come back."
            )
            advice = (
                f"Abort. Resume from a checkpoint of step {self._last_finite or self._loss.first - 1} or "
                f"earlier and {lower_rate_advice(self._lr)}, or clip gradients; look for log(0) and overflow."
            )
        return Finding("act", self._loss.first, message, evidence, advice)

    def _grad_finding(self) -> Finding | None:
        length = self._grad.length
        share = self._skipped / len(self._skips) if self._skips else 0.0
        often = len(self._skips) == SKIP_WINDOW and share > SKIP_SHARE
        if length >= GRAD_STREAK or often:
            evidence = {
                "metric": GRAD_NORM,
                "value": self._grad.value,
                "in_a_row": length,
                "share": round(share, 3),
                "threshold": SKIP_SHARE if often else GRAD_STREAK,
                "window": len(self._skips),
            }
            message = (
                f"{share:.0%} of the last {len(self._skips)} gradient norms are not finite: "
                "the steps are skipped or the weights are damaged."
            )
            advice = "Check the loss scale and the precision (bfloat16 does not overflow); clip gradients."
            return Finding("warn", self._grad.first or 0, message, evidence, advice)
        if length and not self._scaled:
            evidence = {"metric": GRAD_NORM, "value": self._grad.value, "in_a_row": length}
            message = f"The gradient norm is {_word(self._grad.value)} at step {self._grad.first}."
            return Finding("info", self._grad.first, message, evidence, "One skipped step is harmless.")
        return None

    def _eval_finding(self) -> Finding | None:
        for name, streak in self._evals.items():
            if streak.length >= EVAL_STREAK:
                evidence = {
                    "metric": name,
                    "value": streak.value,
                    "in_a_row": streak.length,
                    "threshold": EVAL_STREAK,
                }
                message = (
                    f"{name} has been {_word(streak.value)} in the last {streak.length} evaluations, "
                    f"since step {streak.first}."
                )
                advice = "Check the evaluation data and its loss; best checkpoints are not chosen from it."
                return Finding("warn", streak.first, message, evidence, advice)
        return None


class _Streak:
    """How many values in a row are not finite, up to now."""

    __slots__ = ("first", "length", "value")

    def __init__(self) -> None:
        self.first = 0
        self.length = 0
        self.value = 0.0

    def take(self, step: int, value: float) -> None:
        self.value = value
        if math.isfinite(value):
            self.length = 0
            return
        if not self.length:
            self.first = step
        self.length += 1


def _word(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "infinite" if value > 0 else "minus infinity"
