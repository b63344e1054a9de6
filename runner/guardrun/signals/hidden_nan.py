"""A NaN that the log does not show: the loss reads 0 or stands still while the gradients are not finite.

Hugging Face's Trainer replaces a loss that is not finite by the mean of the losses since the last log
(``logging_nan_inf_filter``, on by default). The first logs after that look as before; once every loss of an
interval is NaN there is no mean left, and the log says exactly 0.0, beside a gradient norm of NaN.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import numpy as np

from guardrun.signals.block import FloatArray

ZEROS: Final = 5
"""Losses of exactly 0 in a row."""
FROZEN: Final = 20
"""Losses in a row that do not change by one bit while no gradient is finite. A dynamic loss scale may skip up
to 16 steps while it settles, and the loss of a full batch then stands still."""
_FEWEST: Final = 10
"""Losses before the first 0: where zeros come and go from the start, the loss may well be 0."""
_LEVEL: Final = 3
_LEAST_LEVEL: Final = 0.05
"""Share of the first loss from which a fall to exactly 0 in one log is no learning."""


class HiddenNan:
    """Looks for both tell-tales; a row of healthy numbers ends them."""

    __slots__ = (
        "_before", "_last", "_losses", "_norms", "_reference", "_streaks", "blind", "blind_from", "zeros",
        "zeros_from",
    )  # fmt: skip

    def __init__(self) -> None:
        self.blind = 0
        """Rows in a row with a loss that stands still, or is 0, beside a norm that is not finite."""
        self.blind_from = 0
        self.zeros = 0
        """Losses of exactly 0 in a row, norms or not."""
        self.zeros_from = 0
        self._norms = False
        """Whether gradient norms are logged: then they tell more than a 0 does."""
        self._losses = 0
        """Losses so far that are numbers and not 0."""
        self._streaks = 0
        """How often the loss became 0."""
        self._last = math.nan
        self._reference = 0.0
        """The first loss that is not 0, without its sign."""
        self._before: deque[float] = deque(maxlen=_LEVEL)

    @property
    def quiet(self) -> bool:
        """Whether nothing is suspected."""
        return not (self.blind or self.zeros)

    @property
    def fell(self) -> bool:
        """Whether the losses fell to exactly 0 from a level that training does not fall from in one log."""
        if self._norms or self._streaks > 1 or self._losses < _FEWEST:
            return False
        return min(self._before) >= _LEAST_LEVEL * self._reference

    def take(self, step: int, loss: float | None, norm: float | None) -> None:
        """One more row."""
        if loss is not None:
            self._take_loss(step, loss)
        self._norms = self._norms or norm is not None
        if norm is not None and math.isfinite(norm):
            self.blind = 0
        elif norm is not None and loss is not None:
            if not (loss == 0 or loss == self._last):
                self.blind = 0
            if math.isfinite(loss):
                if not self.blind:
                    self.blind_from = step
                self.blind += 1
        if loss is not None:
            self._last = loss

    def _take_loss(self, step: int, loss: float) -> None:
        if loss == 0:
            if not self.zeros:
                self.zeros_from = step
                self._streaks += 1
            self.zeros += 1
            return
        self.zeros = 0
        if math.isfinite(loss):
            self._losses += 1
            self._reference = self._reference or abs(loss)
            self._before.append(abs(loss))

    def skim(self, losses: FloatArray, norms: FloatArray) -> bool:
        """Take finite losses beside finite norms at once; False (and nothing is taken) where one is 0."""
        if not self.quiet or not np.all(losses):
            return False
        self._norms = self._norms or len(norms) > 0
        if len(losses):
            self._losses += len(losses)
            self._reference = self._reference or abs(float(losses[0]))
            self._before.extend(np.abs(losses[-_LEVEL:]).tolist())
            self._last = float(losses[-1])
        return True
