"""Gradients that have all but disappeared while the loss stays where it is."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import numpy as np

from guardrun.series.robust import median, scaled_mad
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import GRAD_NORM, TRAIN_LOSS, number

LEAST: Final = 1e-7
SHARE: Final = 1e-3
"""Of the median norm at the beginning."""
LASTING: Final = 50
EARLY: Final = 50
FLAT: Final = 0.01
"""A loss that gains less than this share of itself (or than its noise) is flat."""
FITTED: Final = 0.9
"""A loss that has lost this share of where it began has nothing left to give a gradient."""
_BASELINE: Final = 10


class VanishingGradient:
    """The gradient norm has all but disappeared, and the loss does not move.

    Definition: fifty gradient norms in a row are below 1e-7, or below a thousandth of the median of the
    first fifty; the median training loss has meanwhile gained less than 1 % and less than its noise (MAD).
    Where no training loss is logged, or it has already lost nine tenths of where it began (the training data
    is fitted), this is only told.

    Defaults: 1e-7, a thousandth, 50 values in a row; warns and never stops a run.

    Source: 1e-7 is the limit of SageMaker's VanishingGradient rule (for a layer's mean gradient; a global
    norm is larger, so this is the careful side). A share of the run's own early norm works at every scale.

    Wrong when: the logged norm is not the gradient's (some tools log 0), or is scaled with the loss scale.
    """

    about = About(id="vanishing_gradient", family="health", kinds=frozenset(("metrics",)), clear_after=10)

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._early: list[float] = []
        self._limit = LEAST
        self._losses: deque[float] = deque(maxlen=LASTING)
        self._first: list[float] = []
        """The first training losses."""
        self._before: list[float] = []
        """The training losses before the norm vanished, then those before the last fifty vanished norms."""
        self._flat: bool | None = None
        """Whether the loss stood still while the last fifty norms came; None: not known."""
        self._streak = 0
        self._start = 0
        self._value = math.inf

    def update(self, point: Point) -> bool:
        values = point.values
        loss = values.get(TRAIN_LOSS)
        if loss is not None and math.isfinite(loss):
            if len(self._first) < _BASELINE:
                self._first.append(loss)
            self._losses.append(loss)
        norm = values.get(GRAD_NORM)
        if norm is None or not math.isfinite(norm):
            return False
        self._value = norm
        if norm >= self._limit:
            self._streak = 0
        else:
            self._extend(point.step)
        if len(self._early) < EARLY:
            self._learn(norm)
        return True

    def _extend(self, step: int) -> None:
        if not self._streak:
            self._start = step
            self._before = list(self._losses)
            self._flat = None
        self._streak += 1
        if self._streak % LASTING == 0:
            self._flat = self._stands_still()
            self._before = list(self._losses)

    def _learn(self, norm: float) -> None:
        self._early.append(norm)
        if len(self._early) == EARLY:
            self._limit = max(LEAST, SHARE * median(self._early))

    def skim(self, block: Block) -> bool:
        norms, losses = block.values(GRAD_NORM), block.values(TRAIN_LOSS)
        if self._streak or (len(norms) and len(self._early) < EARLY):
            return False
        if not (np.isfinite(norms).all() and np.isfinite(losses).all()) or (norms < self._limit).any():
            return False
        if len(norms):
            self._value = float(norms[-1])
        if len(self._first) < _BASELINE:
            self._first += losses[: _BASELINE - len(self._first)].tolist()
        self._losses.extend(losses[-LASTING:].tolist())
        return True

    def finding(self) -> Finding | None:
        if self._streak < LASTING or (self._losses and not self._flat):
            return None
        loss = median(self._losses) if self._losses else None
        early = median(self._early)
        evidence = {
            "metric": GRAD_NORM,
            "value": self._value,
            "threshold": self._limit,
            "early": early,
            "in_a_row": self._streak,
            "window": LASTING,
            "loss": loss,
            "noise": scaled_mad(self._losses),
        }
        message = (
            f"The gradient norm has been below {number(self._limit)} for {self._streak} values in a row "
            f"(it began at {number(early)})"
        )
        change = f"a gradient norm above {number(self._limit)}"
        if loss is None:
            advice = "Log the training loss to see whether it still falls."
            return Finding("info", self._start, f"{message}.", evidence, advice, change)
        if self._fitted(loss):
            advice = "Stop when validation agrees: more steps change nothing."
            message += ": the training data is fitted, there is nothing left to learn from it."
            return Finding("info", self._start, message, evidence, advice, change)
        advice = (
            "Look for dead units (ReLU), saturated activations, frozen parameters or a detached loss; try "
            "normalisation, residual connections, another initialisation, or a learning rate that is not 0."
        )
        message += f", and the training loss stays at {number(loss)}: nothing is learnt."
        return Finding("warn", self._start, message, evidence, advice, change)

    def _stands_still(self) -> bool | None:
        if len(self._before) < _BASELINE:
            return None
        level = median(self._before)
        gained = level - median(self._losses)
        return gained <= max(FLAT * abs(level), scaled_mad(self._losses))

    def _fitted(self, loss: float) -> bool:
        start = median(self._first)
        return start > 0 and loss <= (1 - FITTED) * start
