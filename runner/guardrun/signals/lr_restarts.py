"""When the learning rate starts again: a warm restart, or a rate raised by hand, moves every curve."""

from __future__ import annotations

from typing import Final

import numpy as np

from guardrun.signals.block import Block
from guardrun.signals.model import Point
from guardrun.signals.rates import learning_rate

FALLEN: Final = 0.5
"""A rate must have come down to this share of its peak before a rise counts: a warm-up is none."""
RAISED: Final = 2.0
"""Times the lowest rate since the peak."""


class LrRestarts:
    """Feeds on points; tells when the rate rises to twice its lowest after having fallen by half."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._lowest = float("inf")

    def take(self, point: Point) -> bool:
        """Whether the rate started again with this point."""
        rate = learning_rate(point.values)
        if rate is None or not 0 < rate < float("inf"):
            return False
        return self._take_rate(rate)

    def _take_rate(self, rate: float) -> bool:
        if self._lowest <= FALLEN * self._peak and rate >= RAISED * self._lowest:
            self._peak = self._lowest = rate
            return True
        if rate > self._peak:
            self._peak = self._lowest = rate
        elif rate < self._lowest:
            self._lowest = rate
        return False

    def passes(self, block: Block) -> bool:
        """Take a whole block, if no restart can be within; else change nothing and return False."""
        if any(name.startswith("lr/") for name in block.columns):
            return False
        rates = block.values("lr")
        if not len(rates):
            return True
        falling = rates[0] <= self._lowest < np.inf and (rates > 0).all() and (rates[1:] <= rates[:-1]).all()
        if falling:
            self._lowest = float(rates[-1])
            return True
        before = self._peak, self._lowest
        for rate in rates.tolist():
            if 0 < rate < float("inf") and self._take_rate(rate):
                self._peak, self._lowest = before
                return False
        return True
