"""The number by which a run's learning is judged: its validation loss, or else its monitor."""

from __future__ import annotations

import math

from guardrun.signals.bests import is_loss
from guardrun.signals.context import Context
from guardrun.signals.model import Point
from guardrun.signals.rules.points import VAL_LOSS


class Watched:
    """Finds the number in evaluations; the first name that is found is kept.

    A monitor that is a validation loss comes first, then ``val/loss``, then any other monitor.
    """

    __slots__ = ("_names", "name", "sign")

    def __init__(self, context: Context) -> None:
        monitor, mode = context.settings.monitor, context.settings.mode
        sign = -1.0 if mode == "max" else 1.0
        names = {VAL_LOSS: 1.0}
        if monitor is not None and monitor != VAL_LOSS:
            loss_first = is_loss(monitor) and mode == "min"
            names = {monitor: sign, **names} if loss_first else {**names, monitor: sign}
        self._names = names
        self.name: str | None = None
        self.sign = 1.0
        """Minus one where more is better."""

    def take(self, point: Point) -> float | None:
        """The number of an evaluation, turned so that less is better; None when it has no finite one."""
        if self.name is None:
            self.name = next((name for name in self._names if name in point.values), None)
            if self.name is None:
                return None
            self.sign = self._names[self.name]
        value = point.values.get(self.name)
        return None if value is None or not math.isfinite(value) else self.sign * value
