"""Limits that end a run: time and money always, steps and epochs where the training does not mind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Budgets:
    """The config's ``budget``: seconds, steps, epochs, money; ``spent_before`` are past seconds."""

    def __init__(self, config: Mapping[str, Any], *, spent_before: float = 0.0) -> None:
        budget = config.get("budget") or {}
        self._time = _positive(budget.get("time"))
        self._cost = _positive(budget.get("cost"))
        self._steps = _positive(budget.get("steps"))
        self._epochs = _positive(budget.get("epochs"))
        self._per_hour = _positive((config.get("cost") or {}).get("per_hour"))
        self._before = spent_before

    def exceeded(self, elapsed_s: float, step: int, epoch: int | None) -> str:
        """Which budget this attempt's seconds, steps and epochs have used up; "" when none.

        A training that enforces steps and epochs itself never gets *beyond* them, so only that counts here.
        """
        total = self._before + elapsed_s
        if self._time is not None and total >= self._time:
            return "time"
        if self._cost is not None and total / 3600.0 * (self._per_hour or 0.0) >= self._cost:
            return "cost"
        if self._steps is not None and step > self._steps:
            return "steps"
        if self._epochs is not None and epoch is not None and epoch >= self._epochs:
            return "epochs"
        return ""


def _positive(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
