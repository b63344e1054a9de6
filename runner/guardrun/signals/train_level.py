"""Where the training loss stands at an evaluation, whichever of its two kinds a run logs."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from guardrun.series.robust import median
from guardrun.signals.block import Block
from guardrun.signals.model import Point
from guardrun.signals.rules.points import TRAIN_LOSS

WINDOW: Final = 50
EARLY: Final = 10
"""Running losses that tell where the training began; of losses measured in evaluation mode, the first."""


class TrainLevel:
    """Median of the training losses since the last evaluation, 50 at most; or the loss of the evaluation.

    A training loss of an evaluation was measured in evaluation mode and is preferred from the first on.
    """

    __slots__ = ("_early", "_recent", "evaluated", "level")

    def __init__(self) -> None:
        self._early: list[float] = []
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self.evaluated = False
        self.level: float | None = None
        """The level at the last evaluation; None: not known."""

    @property
    def first(self) -> list[float]:
        """The losses that tell where the training began."""
        return self._early

    @property
    def began(self) -> float | None:
        """Where the training loss began."""
        return median(self._early) if self._early else None

    def take(self, point: Point) -> None:
        """One more point of kind ``metrics`` or ``eval``."""
        loss = point.values.get(TRAIN_LOSS)
        if point.kind != "eval":
            if loss is not None and not self.evaluated and math.isfinite(loss):
                if len(self._early) < EARLY:
                    self._early.append(loss)
                self._recent.append(loss)
            return
        if loss is not None and math.isfinite(loss):
            if not self.evaluated:
                self.evaluated = True
                self._early = [loss]
            self.level = loss
        elif self._recent and not self.evaluated:
            self.level = median(self._recent)
        self._recent.clear()

    def skim(self, block: Block) -> None:
        """Many points of kind ``metrics`` at once."""
        if self.evaluated:
            return
        losses = block.values(TRAIN_LOSS)
        finite = losses[abs(losses) < math.inf]
        if len(self._early) < EARLY:
            self._early += finite[: EARLY - len(self._early)].tolist()
        self._recent.extend(finite[-WINDOW:].tolist())
