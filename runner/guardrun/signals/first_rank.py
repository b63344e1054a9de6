"""Which rank's loss was no number first: the others get it from there, by the gradients that they share."""

from __future__ import annotations

import math
from typing import Any

from guardrun.signals.model import Point
from guardrun.signals.rules.points import TRAIN_LOSS


class OtherRanks:
    """Since when the training losses of the ranks beside rank 0 are not finite."""

    __slots__ = ("_since", "_some")

    def __init__(self) -> None:
        self._some = False
        self._since: dict[int, int] = {}

    def take(self, point: Point) -> None:
        loss = point.values.get(TRAIN_LOSS)
        if loss is None:
            return
        self._some = True
        if math.isfinite(loss):
            self._since.pop(point.rank, None)
        else:
            self._since.setdefault(point.rank, point.step)

    def beside(self, step: int) -> tuple[str, dict[str, Any]]:
        """Words and evidence for a loss of rank 0 that is not finite since ``step``; nothing for one rank."""
        if not self._some:
            return "", {}
        since = {0: step, **self._since}
        first = min(since.values())
        ranks = sorted(rank for rank, at in since.items() if at == first)
        words = f"Rank {ranks[0]} was" if len(ranks) == 1 else f"Ranks {', '.join(map(str, ranks))} were"
        return f" {words} the first, at step {first}.", {"first_ranks": ranks, "first_rank_step": first}
