"""Which evaluation is the best so far, and when patience is over. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple


class Judgement(NamedTuple):
    """What one evaluation means."""

    best: bool
    """The value is finite and better than every one before it."""
    improved: bool
    """It is better than the last improvement by more than min_delta, which restarts the patience."""
    waited: int
    """Evaluations since the last improvement."""
    stop: bool
    reason: str


class EarlyStopping:
    """Follows the monitored metric, evaluation by evaluation.

    ``best`` is the strict optimum, whatever min_delta; patience counts from the last improvement of more
    than ``min_delta``. A non-finite value is never best and counts as no improvement.
    """

    def __init__(self, mode: str = "min", patience: int | None = None, min_delta: float = 0.0) -> None:
        self.mode = mode
        self.patience = patience
        self.min_delta = abs(min_delta)
        self.best: float | None = None
        self.waited = 0
        self._reference: float | None = None

    def judge(self, value: float) -> Judgement:
        """Take one evaluation's value and say what it means."""
        finite = math.isfinite(value)
        best = finite and (self.best is None or self._gain(value, self.best) > 0)
        improved = finite and (self._reference is None or self._gain(value, self._reference) > self.min_delta)
        if best:
            self.best = value
        if improved:
            self._reference = value
            self.waited = 0
        else:
            self.waited += 1
        stop = self.patience is not None and self.waited >= self.patience
        return Judgement(best, improved, self.waited, stop, self._reason(value) if stop else "")

    def state_dict(self) -> dict[str, float | int | None]:
        """What a resumed attempt needs to go on counting."""
        return {"best": self.best, "reference": self._reference, "waited": self.waited}

    def load_state_dict(self, state: dict[str, float | int | None]) -> None:
        """Go on from where ``state_dict`` was taken."""
        self.best = state.get("best")
        self._reference = state.get("reference")
        self.waited = int(state.get("waited") or 0)

    def _gain(self, value: float, reference: float) -> float:
        return reference - value if self.mode == "min" else value - reference

    def _reason(self, value: float) -> str:
        best = "none" if self.best is None else f"{self.best:.6g}"
        return (
            f"no improvement by more than {self.min_delta:g} in {self.waited} evaluations "
            f"(last {value:.6g}, best {best}, patience {self.patience})"
        )
