"""Is a run clearly inferior to the other runs of its group? Curves side by side at the same progress.

Pruning by rank is unsafe where runs are close: over 686 real groups of about five runs, "worse than the
median at a quarter of the run" ended the eventual winner in a third of them, and a margin of 50 % of the loss
still in one of a hundred. What is asked here instead is what a run could still repair. Distances are measured
in the progress that the better runs of the group have made since their start, so that no unit, sign or zero
of the metric matters.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from guardrun.series.robust import NORMAL_MAD, median

LEAST_SIBLINGS: Final = 4
LEAST_SHARE: Final = 0.25
"""Share of the run before which nothing is said."""
LATENESS: Final = 3.0
"""How many times the share at which the group was first evaluated is added to that: what was learned before
is not known, and the progress since is less than all."""
LEAST_EVALUATIONS: Final = 4
LEAST_BETTER: Final = 3
"""So many siblings, and at least a quarter of them, must be clearly better."""
LEAST_GAP: Final = 0.02
"""Of the better runs' progress: closer runs differ by their seed."""
NOISE_SIGMAS: Final = 3.0
LASTING: Final = 3
"""Judgements in a row that must agree."""
SPACING: Final = 0.01
"""Share of the run between two judgements, however often it is evaluated."""
REACHED: Final = 0.9
"""A sibling that is still running counts when it has come this far towards the place of comparison."""
_RECENT: Final = 21
_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class Sibling:
    """The curve of another run of the group, turned so that less is better."""

    name: str
    steps: tuple[float, ...]
    """The steps of its evaluations, ascending."""
    bests: tuple[float, ...]
    """The best value until each of them; infinite before the first finite one."""
    values: tuple[float, ...]
    """The values themselves; infinite where one is not finite."""
    first: float
    """Its first finite value; infinite when there is none."""
    total: float | None = None
    """Steps that it shall take; None: not known."""
    over: bool = False
    """Whether it has ended: it counts with what it reached, wherever the others are."""
    twin: bool = False
    """Whether it differs from the judged run in nothing but the seed: it is never held against it."""

    @classmethod
    def of(
        cls,
        name: str,
        evaluations: Iterable[tuple[float, float]],
        *,
        mode: str = "min",
        total: float | None = None,
        over: bool = False,
        twin: bool = False,
    ) -> Sibling:
        """From (step, value) of each evaluation; steps that go back drop what they redo."""
        steps: list[float] = []
        bests: list[float] = []
        values: list[float] = []
        first = best = math.inf
        for step, value in evaluations:
            while steps and step <= steps[-1]:
                steps.pop()
                bests.pop()
                values.pop()
                best = bests[-1] if bests else math.inf
            turned = _turned(value, mode)
            if first == math.inf:
                first = turned
            best = min(best, turned)
            steps.append(step)
            bests.append(best)
            values.append(turned)
        return cls(name, tuple(steps), tuple(bests), tuple(values), first, total, over, twin)

    def best_until(self, step: float) -> float:
        """Its best value at that step; never what came later."""
        count = bisect_right(self.steps, step)
        return self.bests[count - 1] if count else math.inf

    def noise_until(self, step: float) -> float:
        """Robust standard deviation of one of its evaluations before that step."""
        count = bisect_right(self.steps, step)
        return _noise(self.values[max(0, count - _RECENT) : count])

    def reached(self, step: float) -> bool:
        return self.over or (bool(self.steps) and self.steps[-1] >= REACHED * step)


class Inferiority(NamedTuple):
    """Why a run is clearly inferior. Values are turned so that less is better."""

    step: int
    first_step: int
    """Where it was first found inferior, without a break since."""
    share: float
    """How much of the run is over."""
    value: float
    """Its best so far."""
    hoped: float
    """What it would reach at its end if it went on improving as in the second half of its life so far."""
    reference: float
    """What a quarter of the siblings (three at least) reached or beat at the same progress."""
    leader: float
    leader_name: str
    threshold: float
    """A better value than this would not have been called inferior."""
    start: float
    """Where the group began: the median of the first evaluations."""
    noise: float
    compared: int


class Standing:
    """Where a run stands in its group: takes its evaluations one by one, in bounded memory."""

    __slots__ = (
        "_agreed", "_best", "_bests", "_evaluations", "_first_step", "_found", "_mode",
        "_next_share", "_recent", "_skipped", "_steps", "_stride",
    )  # fmt: skip

    def __init__(self, mode: str = "min") -> None:
        self._mode = mode
        self._best = math.inf
        self._evaluations = 0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._steps: list[float] = []
        self._bests: list[float] = []
        self._stride = 1
        self._skipped = 0
        self._next_share = LEAST_SHARE
        self._agreed = 0
        self._first_step = 0
        self._found: Inferiority | None = None

    def take(
        self, step: int, value: float, siblings: Sequence[Sibling], total: float | None
    ) -> Inferiority | None:
        """One more evaluation of a run of ``total`` steps; why the run is clearly inferior, or None.

        None also where nobody can know: its length is unknown, or too few siblings have come as far.
        """
        self._remember(step, _turned(value, self._mode))
        share = min(step / total, 1.0) if total is not None and total > 0 else 0.0
        if not siblings or total is None or share < LEAST_SHARE:
            self._agreed, self._found = 0, None
        elif share >= self._next_share:
            self._next_share = share + SPACING
            self._judge(step, share, siblings, total)
        return self._found

    def _remember(self, step: int, turned: float) -> None:
        self._best = min(self._best, turned)
        self._recent.append(turned)
        self._evaluations += 1
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._steps.append(step)
        self._bests.append(self._best)
        if len(self._steps) > _KEPT:
            del self._steps[1::2], self._bests[1::2]
            self._stride *= 2

    def _judge(self, step: int, share: float, siblings: Sequence[Sibling], total: float) -> None:
        opinion = self._opinion(step, share, siblings, total)
        if opinion is None:
            self._agreed, self._found = 0, None
            return
        if not self._agreed:
            self._first_step = step
        self._agreed += 1
        self._found = opinion._replace(first_step=self._first_step) if self._agreed >= LASTING else None

    def _opinion(
        self, step: int, share: float, siblings: Sequence[Sibling], total: float
    ) -> Inferiority | None:
        """Whether the run is clearly inferior as far as this evaluation can tell.

        It is when its best is behind what a quarter of the siblings had at the same progress, by more than

        - (1 - share)² of the progress these have made since the start: what a falling learning rate repairs,
        - the distance of these from the leader: how much good runs differ,
        - three sigma of their evaluations, and of its own unless it has lost all that it had learned,

        and its own pace, kept up to the end, would not bring it to where they are now.
        """
        others = self._others(step, share, siblings)
        start, begun = _beginning([sibling for _, sibling, _ in others])
        if len(others) < LEAST_SIBLINGS or self._evaluations < LEAST_EVALUATIONS:
            return None
        if share < LEAST_SHARE + LATENESS * begun / total:
            return None
        better = others[: max(LEAST_BETTER, math.ceil(len(others) / 4))]
        leader, reference = better[0][0], better[-1][0]
        hoped = self._hoped(step, total)
        if not reference < min(start, self._best, hoped):
            return None
        # Halves, so that no difference of huge values overflows.
        repairable = 2 * (start / 2 - reference / 2) * max((1 - share) ** 2, LEAST_GAP)
        noise = max(self._noise(start), median([sibling.noise_until(place) for _, sibling, place in better]))
        margin = max(repairable, reference - leader, NOISE_SIGMAS * noise)
        if not self._best - reference > margin:
            return None
        return Inferiority(
            step=step, first_step=step, share=share, value=self._best, hoped=hoped, reference=reference,
            leader=leader, leader_name=better[0][1].name, threshold=reference + margin, start=start,
            noise=noise, compared=len(others),
        )  # fmt: skip

    def _others(
        self, step: int, share: float, siblings: Sequence[Sibling]
    ) -> list[tuple[float, Sibling, float]]:
        """What the siblings had reached at the same progress, best first, and at which of their steps."""
        others: list[tuple[float, Sibling, float]] = []
        for sibling in siblings:
            place = step if sibling.total is None else min(step, share * sibling.total)
            if not sibling.twin and sibling.reached(place):
                others.append((sibling.best_until(place), sibling, place))
        return sorted(others, key=lambda other: other[0])

    def _noise(self, start: float) -> float:
        """The noise of its own evaluations; 0 for a run that is back where the group began, or worse."""
        if self._evaluations and median(list(self._recent)[-5:]) >= start:
            return 0.0
        return _noise(self._recent)

    def _hoped(self, step: float, total: float) -> float:
        """The best at the end of the run, at the pace of the second half of the evaluations so far."""
        if self._best == math.inf:
            return math.inf
        middle = self._steps[0] + (step - self._steps[0]) / 2
        before = self._bests[max(bisect_right(self._steps, middle), 1) - 1]
        if before == math.inf or step <= middle:
            # It has only just begun to learn: anything may come.
            return -math.inf
        return self._best - (before - self._best) / (step - middle) * max(total - step, 0.0)


def _beginning(siblings: Sequence[Sibling]) -> tuple[float, float]:
    """At which value and which step they began: medians; infinite where none has a finite value."""
    known = [sibling for sibling in siblings if sibling.first < math.inf]
    if not known:
        return math.inf, math.inf
    return median([sibling.first for sibling in known]), median([sibling.steps[0] for sibling in known])


def _noise(values: Iterable[float]) -> float:
    """Robust standard deviation of one of them, from their changes, so that a trend is no noise."""
    finite = [value for value in values if value < math.inf]
    if len(finite) < LEAST_EVALUATIONS:
        return 0.0
    changes = [after - before for before, after in pairwise(finite)]
    centre = median(changes)
    return NORMAL_MAD * median([abs(change - centre) for change in changes]) / math.sqrt(2)


def _turned(value: float, mode: str) -> float:
    if not math.isfinite(value):
        return math.inf
    return -value if mode == "max" else value
