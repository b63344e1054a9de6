"""Sibling groups: how many runs a pruner ends early, and how often the eventual winner is among them."""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.signal_judging.bulk import GAIN
from benchmarks.signal_judging.engine_adapter import prune_group, read_log
from benchmarks.signal_judging.loading import Curve, Sibling
from guardrun.errors import UserError

LEAST_RUNS: Final = 2
OURS: Final = "inferior (ours)"
ORDERS: Final = 10
"""Optuna's trials run one after another; the result depends on the order, so several are averaged."""
STARTUP_TRIALS: Final = 5
CHECK_AT: Final = 0.25


class Member(NamedTuple):
    """One run of a group: evaluation by evaluation."""

    id: str
    steps: tuple[int, ...]
    val: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(filter(math.isfinite, self.val), default=math.inf)


class Group(NamedTuple):
    """Runs of one problem that differ in a setting or a seed."""

    origin: str
    """The bulk file, or SIBLINGS.tsv."""
    name: str
    members: tuple[Member, ...]

    @property
    def winner(self) -> int:
        """Place of the run with the lowest validation loss of all."""
        return min(range(len(self.members)), key=lambda place: self.members[place].best)


Pruner = Callable[[Group, Sequence[int]], dict[int, int]]
"""(group, order of its runs) -> place of each pruned run, and the evaluation after which it ends."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """One pruner over many groups; numbers are means over the orders tried."""

    groups: int
    runs: int
    pruned: float
    lost: float
    """Groups whose eventual winner was pruned."""
    worse: float
    """Groups whose best survivor is worse than the winner by 1 % or more."""
    saved: float
    """Share of all evaluations that pruned runs did not need."""
    losses: tuple[str, ...]
    """The groups whose winner was pruned in any order."""


def bulk_groups(curves: Iterable[Curve]) -> list[Group]:
    """Groups of the bulk files, of at least two runs with a finite best."""
    found: dict[tuple[str, str], list[Member]] = defaultdict(list)
    for curve in curves:
        found[curve.file, curve.group].append(Member(curve.id, curve.steps, curve.val))
    return _usable(found)


def sibling_groups(folder: Path, siblings: Iterable[Sibling], notes: list[str]) -> list[Group]:
    """Groups of SIBLINGS.tsv; runs whose log can't be read are noted and left out."""
    found: dict[tuple[str, str], list[Member]] = defaultdict(list)
    for sibling in siblings:
        try:
            member = _member(sibling, folder)
        except (UserError, OSError) as error:
            notes.append(f"sibling {sibling.file}: {error}")
            continue
        if member is None:
            notes.append(f"sibling {sibling.file}: no validation loss in it")
        else:
            found["SIBLINGS.tsv", sibling.group].append(member)
    return _usable(found)


def _member(sibling: Sibling, folder: Path) -> Member | None:
    for log in read_log(folder / sibling.file):
        name = log.val_loss
        rows = [(point.step, point.values[name]) for point in log.points if point and name in point.values]
        if rows:
            steps, val = zip(*rows, strict=True)
            return Member(sibling.file, steps, val)
    return None


def _usable(found: dict[tuple[str, str], list[Member]]) -> list[Group]:
    groups = [Group(origin, name, tuple(members)) for (origin, name), members in found.items()]
    return [g for g in groups if len(g.members) >= LEAST_RUNS and math.isfinite(g.members[g.winner].best)]


def inferior(group: Group, order: Sequence[int]) -> dict[int, int]:
    """The product's rule, while all runs of the group go on side by side."""
    return prune_group(group.members)


def optuna_median(group: Group, order: Sequence[int]) -> dict[int, int]:
    """Optuna's MedianPruner with its defaults (``optuna/pruners/_percentile.py``), run after run.

    A run is pruned at the first step at which its best value so far is worse than the median of what the
    completed (never pruned) runs before it reported at that step; without five of those, never.
    """
    completed: list[Member] = []
    pruned: dict[int, int] = {}
    for place in order:
        member = group.members[place]
        if len(completed) >= STARTUP_TRIALS:
            end = _first_above_median(member, completed)
            if end is not None:
                pruned[place] = end
                continue
        completed.append(member)
    return pruned


def _first_above_median(member: Member, completed: Sequence[Member]) -> int | None:
    best = math.nan
    for index, value in enumerate(member.val):
        if math.isnan(best) or value < best:
            best = value
        if math.isnan(best):
            return index
        others = [run.val[index] for run in completed if index < len(run.val)]
        known = [other for other in others if not math.isnan(other)]
        if known and best > statistics.median(known):
            return index
    return None


def plain_median(group: Group, order: Sequence[int]) -> dict[int, int]:
    """Optuna's test once, at 25 % of the longest run, among runs that go on side by side."""
    at = int(CHECK_AT * max(len(member.val) for member in group.members))
    running = [place for place in order if at < len(group.members[place].val)]
    bests = {
        place: min(filter(math.isfinite, group.members[place].val[: at + 1]), default=math.inf)
        for place in running
    }
    pruned = {}
    for place in running:
        others = [best for other, best in bests.items() if other != place]
        if others and bests[place] > statistics.median(others):
            pruned[place] = at
    return pruned


PRUNERS: Final[dict[str, tuple[Pruner, int]]] = {
    OURS: (inferior, 1),
    "Optuna median, defaults": (optuna_median, ORDERS),
    "median at 25 %, side by side": (plain_median, 1),
}
"""Name -> the pruner, and how many orders are tried."""


def judge_pruner(groups: Sequence[Group], pruner: Pruner, orders: int) -> Pruning:
    """Run a pruner over the groups."""
    pruned = lost = worse = spared = 0
    evaluations = sum(len(member.val) for group in groups for member in group.members)
    losses = []
    for group in groups:
        shuffling = random.Random(group.name)
        order = list(range(len(group.members)))
        lost_here = 0
        for _ in range(orders):
            found = pruner(group, order)
            pruned += len(found)
            spared += sum(len(group.members[place].val) - 1 - end for place, end in found.items())
            lost_here += group.winner in found
            worse += _regret(group, found) >= GAIN
            shuffling.shuffle(order)
        lost += lost_here
        if lost_here:
            losses.append(f"{group.origin}: {group.name}")
    return Pruning(
        groups=len(groups),
        runs=sum(len(group.members) for group in groups),
        pruned=pruned / orders,
        lost=lost / orders,
        worse=worse / orders,
        saved=spared / orders / evaluations if evaluations else 0.0,
        losses=tuple(losses),
    )


def _regret(group: Group, pruned: dict[int, int]) -> float:
    """By which share the best run is worse than without pruning; pruned runs keep what they reached."""
    best = group.members[group.winner].best
    kept = min(
        min(filter(math.isfinite, member.val[: pruned.get(place, len(member.val)) + 1]), default=math.inf)
        for place, member in enumerate(group.members)
    )
    if kept <= best:
        return 0.0
    return (kept - best) / abs(best) if best else math.inf
