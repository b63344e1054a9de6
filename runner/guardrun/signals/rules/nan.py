"""A loss or gradient norm that is no longer a number. One is a warning; many never came back."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import numpy as np

from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.first_rank import OtherRanks
from guardrun.signals.hidden_nan import FROZEN, ZEROS, HiddenNan
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rates import learning_rate, lower_rate_advice
from guardrun.signals.rules.points import GRAD_NORM, LOSS_SCALE, TRAIN_LOSS, WEIGHTS

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
    """A loss, a gradient norm, a validation metric or the weights are no longer numbers.

    Definition: the training loss is NaN or infinite for five logged values in a row, or the first three of a
    run are, or the weights themselves are: that acts. One such loss warns. A gradient norm that is not
    finite is told (a skipped step is harmless) and warns from 20 in a row, or when a fifth of the last
    hundred are; a validation metric warns from three evaluations in a row. A NaN that the log hides acts
    too: the loss is logged as exactly 0 five times in a row, or does not change by one bit for twenty, beside
    gradient norms that are not finite; without norms, a fall to exactly 0 from an ordinary level warns. Of
    several ranks the one whose loss was the first is named.

    Defaults: five values in a row; aborts the run, keeps its best checkpoint.

    Source: of the published runs with five non-finite losses in a row none came back, and nine runs of one
    repository burnt 131 hours after the first. Healthy runs in half precision skip 1 to 2 % of their steps,
    and one had an infinite validation loss for six epochs before its best metric. Hugging Face's Trainer
    logs a NaN loss as the mean of the others, and as 0.0 when there is none (logging_nan_inf_filter).

    Wrong when: a loss is infinite by design on some batches and the mean of the others is what counts.
    """

    about = About(
        id="nan", family="health", kinds=frozenset(("metrics", "eval")), clear_after=20, graced=False,
        every_rank=True,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._losses = 0
        self._loss = _Streak()
        self._grad = _Streak()
        self._evals: dict[str, _Streak] = {}
        self._eval_trouble = False
        self._skips: deque[bool] = deque(maxlen=SKIP_WINDOW)
        self._skipped = 0
        self._weights: int | None = None
        """The step at which the weights were found damaged."""
        self._last_finite: int | None = None
        self._lr: float | None = None
        self._hidden = HiddenNan()
        self._others = OtherRanks()
        self._scaled = False
        """Whether a loss scale is logged: then a non-finite gradient norm is a skipped step."""

    def update(self, point: Point) -> bool:
        if point.rank:
            self._others.take(point)
            return False
        self._lr = learning_rate(point.values) or self._lr
        self._scaled = self._scaled or LOSS_SCALE in point.values
        concerned = self._take_loss(point)
        concerned = self._take_grad(point) or concerned
        if concerned:
            self._hidden.take(point.step, point.values.get(TRAIN_LOSS), point.values.get(GRAD_NORM))
        damaged = point.values.get(WEIGHTS)
        if damaged is not None:
            self._weights = (self._weights or point.step) if damaged else None
            concerned = True
        if point.kind != "eval":
            return concerned
        for name, value in point.values.items():
            if name.startswith("val/"):
                self._evals.setdefault(name, _Streak()).take(point.step, value)
                concerned = True
        self._eval_trouble = any(streak.length for streak in self._evals.values())
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

    def skim(self, block: Block) -> bool:
        losses, norms = block.values(TRAIN_LOSS), block.values(GRAD_NORM)
        if self._loss.length or self._grad.length or self._skipped or self._weights is not None:
            return False
        if self._eval_trouble or WEIGHTS in block.columns:
            return False
        if not (np.isfinite(losses).all() and np.isfinite(norms).all() and self._hidden.skim(losses, norms)):
            return False
        self._lr = block.last_rate() or self._lr
        self._scaled = self._scaled or len(block.values(LOSS_SCALE)) > 0
        if len(losses):
            self._losses += len(losses)
            self._loss.value = float(losses[-1])
            self._last_finite = int(block.steps_of(TRAIN_LOSS)[-1])
        if len(norms):
            self._grad.value = float(norms[-1])
            self._skips.extend([False] * min(len(norms), SKIP_WINDOW))
        return True

    def finding(self) -> Finding | None:
        visible = self._loss.length or self._skipped or self._grad.length or self._weights
        if not (visible or self._eval_trouble or self._hidden.zeros):
            return None
        return (
            self._weights_finding()
            or self._loss_finding()
            or self._hidden_finding()
            or self._grad_finding()
            or self._eval_finding()
        )

    def _weights_finding(self) -> Finding | None:
        if self._weights is None:
            return None
        evidence = {"metric": WEIGHTS, "where": "weights", "last_finite_step": self._last_finite}
        message = f"The weights are not finite any more (found at step {self._weights})."
        advice = (
            f"Abort. Resume from the best checkpoint, of before step {self._weights}, and "
            f"{lower_rate_advice(self._lr)}, or clip gradients; nothing can be learnt from here on."
        )
        change = "a checkpoint whose weights are finite"
        return Finding("act", self._weights, message, evidence, advice, change)

    def _loss_finding(self) -> Finding | None:
        length = self._loss.length
        if not length:
            return None
        from_start = length == self._losses
        lasting = length >= LOSS_STREAK or (from_start and length >= FIRST_LOSSES)
        named, ranks = self._others.beside(self._loss.first)
        evidence = {
            "metric": TRAIN_LOSS,
            "where": "start" if from_start else "loss",
            "value": self._loss.value,
            "in_a_row": length,
            "threshold": FIRST_LOSSES if from_start else LOSS_STREAK,
            "last_finite_step": self._last_finite,
            **ranks,
        }
        if not lasting:
            message = f"The training loss is {_word(self._loss.value)} at step {self._loss.first}.{named}"
            change = f"{self.about.clear_after} finite losses in a row"
            advice = "Watching: one may be skipped."
            return Finding("warn", self._loss.first, message, evidence, advice, change)
        if from_start:
            message = (
                f"The training loss was never a number: the first {length} values are all non-finite.{named}"
            )
            advice = (
                "Abort. Check the inputs for NaN, the loss for log(0) or a division by 0, and the precision."
            )
        else:
            message = (
                f"The training loss has been {_word(self._loss.value)} since step {self._loss.first}, "
                f"{length} values in a row; such runs do not come back.{named}"
            )
            advice = (
                f"Abort. Resume from a checkpoint of step {self._last_finite or self._loss.first - 1} or "
                f"earlier and {lower_rate_advice(self._lr)}, or clip gradients; look for log(0) and overflow."
            )
        change = f"{self.about.clear_after} finite losses in a row"
        return Finding("act", self._loss.first, message, evidence, advice, change)

    def _hidden_finding(self) -> Finding | None:
        """The loss is a number, but only because the log replaces what is none."""
        hidden = self._hidden
        zero = hidden.zeros >= ZEROS
        blind = hidden.blind >= (ZEROS if zero else FROZEN)
        if not blind and not (zero and hidden.fell):
            return None
        first = hidden.blind_from if blind else hidden.zeros_from
        length = hidden.blind if blind else hidden.zeros
        reads = "exactly 0" if zero else f"{self._loss.value:.4g} without any change"
        beside = (
            f"while the gradient norm is {_word(self._grad.value)}"
            if blind
            else "from one log to the next, without having come near it"
        )
        evidence = {
            "metric": TRAIN_LOSS,
            "where": "hidden",
            "value": self._loss.value,
            "grad_norm": self._grad.value if blind else None,
            "in_a_row": length,
            "threshold": ZEROS if zero else FROZEN,
        }
        message = (
            f"The training loss reads {reads} since step {first} {beside}: a NaN is hidden. Hugging Face's "
            "logging_nan_inf_filter does that."
        )
        certain = blind and (zero or not self._scaled)
        advice = (
            f"{'Abort. ' if certain else ''}Set logging_nan_inf_filter=False to see it; resume from a "
            f"checkpoint of before step {first} and {lower_rate_advice(self._lr)}, or use bfloat16."
        )
        change = "finite gradient norms again" if blind else "a loss that is not 0"
        return Finding("act" if certain else "warn", first, message, evidence, advice, change)

    def _grad_finding(self) -> Finding | None:
        length = self._grad.length
        share = self._skipped / len(self._skips) if self._skips else 0.0
        often = len(self._skips) == SKIP_WINDOW and share > SKIP_SHARE
        if length >= GRAD_STREAK or often:
            evidence = {
                "metric": GRAD_NORM,
                "where": "gradient",
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
            change = f"less than {SKIP_SHARE:.0%} of the norms not finite"
            return Finding("warn", self._grad.first or 0, message, evidence, advice, change)
        if length and not self._scaled:
            evidence = {
                "metric": GRAD_NORM,
                "where": "gradient",
                "value": self._grad.value,
                "in_a_row": length,
            }
            message = f"The gradient norm is {_word(self._grad.value)} at step {self._grad.first}."
            advice = "One skipped step is harmless."
            change = f"{self.about.clear_after} finite norms in a row"
            return Finding("info", self._grad.first, message, evidence, advice, change)
        return None

    def _eval_finding(self) -> Finding | None:
        for name, streak in self._evals.items():
            if streak.length >= EVAL_STREAK:
                evidence = {
                    "metric": name,
                    "where": "validation",
                    "value": streak.value,
                    "in_a_row": streak.length,
                    "threshold": EVAL_STREAK,
                }
                message = (
                    f"{name} has been {_word(streak.value)} in the last {streak.length} evaluations, "
                    f"since step {streak.first}."
                )
                advice = "Check the evaluation data and its loss; best checkpoints are not chosen from it."
                change = f"one finite {name}"
                return Finding("warn", streak.first, message, evidence, advice, change)
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
