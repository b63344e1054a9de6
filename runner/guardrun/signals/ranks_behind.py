"""How far each rank had come when all fell silent: one that is behind is where the others wait for it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from guardrun.signals.model import Point

_PHASES: Final = frozenset(("setup", "train", "eval", "checkpoint", "stop"))
_MOST_NAMED: Final = 8


class RankPlaces:
    """The newest step and phase of the ranks beside rank 0."""

    __slots__ = ("_phases", "_steps")

    def __init__(self) -> None:
        self._steps: dict[int, int] = {}
        self._phases: dict[int, str] = {}

    def take(self, point: Point) -> None:
        """A point of a rank other than 0; the step of a phase is rank 0's, so only rows tell one."""
        if point.kind == "metrics":
            self._steps[point.rank] = point.step
        elif point.kind == "phase" and point.text in _PHASES:
            self._phases[point.rank] = point.text

    def behind(self, step: int, phase: str) -> tuple[str, dict[str, Any]]:
        """Words and evidence, given rank 0's place; nothing when no rank's place differs, or none is known.

        A lower step tells; at one step, the phase that fewest ranks are in.
        """
        steps = {0: step, **self._steps}
        low, high = min(steps.values()), max(steps.values())
        if low < high:
            ranks = sorted(rank for rank, at in steps.items() if at == low)
            words = f" {_named(ranks)} at step {low}, the furthest at {high}."
            return words, {"ranks_behind": ranks, "rank_step": low, "furthest_step": high}
        phases = {rank: self._phases.get(rank, "") for rank in self._steps} | {0: phase}
        counted = Counter(one for one in phases.values() if one).most_common()
        if len(counted) < 2 or counted[0][1] == counted[-1][1]:
            return "", {}
        usual, odd = counted[0][0], counted[-1][0]
        ranks = sorted(rank for rank, at in phases.items() if at == odd)
        words = f" {_named(ranks)} in phase {odd}, most in {usual}."
        return words, {"ranks_behind": ranks, "rank_step": low, "rank_phase": odd}


def _named(ranks: list[int]) -> str:
    if len(ranks) == 1:
        return f"Rank {ranks[0]} is"
    shown = ", ".join(map(str, ranks[:_MOST_NAMED]))
    return f"Ranks {shown}{' …' if len(ranks) > _MOST_NAMED else ''} are"
