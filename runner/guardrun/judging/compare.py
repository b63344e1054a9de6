"""Groups of repeated runs against each other: means, tests, costs, and what can be claimed. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from guardrun.errors import UserError
from guardrun.judging.efficiency import quality_curve
from guardrun.judging.facts import Mode, RunFacts
from guardrun.judging.fairness import Finding, findings
from guardrun.judging.groups import At, Group, LeftOut, chosen_metric, make_groups, usable
from guardrun.judging.statistics import ALPHA, Difference, holm, paired_difference, unpaired_difference

Verdict = Literal["shown", "not shown", "one run", "unfounded"]
"""unfounded: the numbers do not measure the same thing, whatever the test says."""
_FEWEST_PAIRS: Final = 2
_SAME_COST: Final = 1.1
_CLAIM: Final = re.compile(r"^\s*(.+?)\s*([<>])\s*(.+?)\s*$")


@dataclass(frozen=True, slots=True)
class CostRatio:
    """What A cost against B, by the best measure that both have."""

    kind: Literal["cost", "GPU hours", "hours"]
    a: float
    b: float

    @property
    def ratio(self) -> float:
        return self.a / self.b


@dataclass(frozen=True, slots=True)
class Pair:
    """Group A against group B."""

    a: Group
    b: Group
    difference: Difference
    """A minus B, in the metric's unit."""
    gain: float
    """By how much A is better; negative: worse."""
    relative: float | None
    """The gain as a share of B's mean."""
    seeds: tuple[int, ...]
    """The common seeds by which the runs were paired; empty: not paired."""
    p: float | None
    """Corrected for the number of comparisons."""
    comparisons: int
    cost: CostRatio | None
    at_equal_cost: float | None
    """Where A cost more: the mean best that A had reached when it had cost what B cost in all."""
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """ "A > B": A is better than B."""

    text: str
    pair: Pair
    supported: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that `guard compare` tells."""

    metric: str
    mode: Mode
    at: At
    groups: tuple[Group, ...]
    """Best mean first."""
    pairs: tuple[Pair, ...]
    """The best group against each of the others."""
    findings: tuple[Finding, ...]
    left_out: tuple[LeftOut, ...]
    claim: Claim | None = None

    @property
    def winner(self) -> Group | None:
        """The group that is shown to be better than every other; None when that is not shown."""
        shown = self.pairs and all(pair.verdict == "shown" and pair.gain > 0 for pair in self.pairs)
        return self.groups[0] if shown else None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody asks for."""

    metric: str | None = None
    mode: Mode | None = None
    by: str | None = None
    at: At = "best"
    unfinished: bool = False
    claim: str | None = None
    against: str | None = None
    """The group that the others are held against, instead of the best one."""


def compare_runs(runs: Sequence[RunFacts], wishes: Wishes) -> Comparison:
    """Group the runs and hold the groups against each other.

    Raises UserError when no run has a result, and for wishes that fit no run. Needs the extra ``stats`` as
    soon as a group has two runs.
    """
    kept, left = usable(runs, unfinished=wishes.unfinished)
    if not kept:
        raise UserError(
            "no run here has ended as it should, so there is nothing to compare",
            hint="\n".join([*(f"{each.run.run_id}: {each.why}" for each in left[:8]),
                            "--unfinished takes them as they are"]),
        )  # fmt: skip
    metric, mode = chosen_metric(kept, wishes.metric, wishes.mode)
    groups, without = make_groups(kept, metric, mode, by=wishes.by, at=wishes.at)
    if not groups:
        raise UserError(f"no run has a finite value of {metric!r}")
    first = find_group(groups, wishes.against) if wishes.against else groups[0]
    others = [group for group in groups if group is not first]
    made = Comparison(
        metric=metric,
        mode=mode,
        at=wishes.at,
        groups=tuple(groups),
        pairs=tuple(_pairs([(first, other) for other in others], metric, mode)),
        findings=tuple(findings(groups, metric)),
        left_out=(*left, *without),
    )
    return replace(made, claim=_claim(wishes.claim, groups, metric, mode)) if wishes.claim else made


def _pairs(wanted: Sequence[tuple[Group, Group]], metric: str, mode: Mode) -> list[Pair]:
    differences = [_difference(a, b) for a, b in wanted]
    tested = [index for index, (found, _) in enumerate(differences) if found.p is not None]
    corrected = dict(zip(tested, holm([differences[i][0].p or 0.0 for i in tested]), strict=True))
    made = []
    for index, ((a, b), (found, seeds)) in enumerate(zip(wanted, differences, strict=True)):
        gain = found.mean if mode == "max" else -found.mean
        about = tuple(findings([a, b], metric))
        ratio = cost_ratio(a.runs, b.runs)
        made.append(
            Pair(
                a=a,
                b=b,
                difference=found,
                gain=gain,
                relative=gain / abs(b.summary.mean) if b.summary.mean else None,
                seeds=seeds,
                p=corrected.get(index),
                comparisons=max(1, len(tested)),
                cost=ratio,
                at_equal_cost=_at_equal_cost(a, b, ratio, metric, mode),
                verdict=_verdict(found, corrected.get(index), about),
                findings=about,
            )
        )
    return made


def _difference(a: Group, b: Group) -> tuple[Difference, tuple[int, ...]]:
    """Paired by seed where at least two seeds, and more than half of the smaller group's, are common."""
    common = sorted(a.seeds.keys() & b.seeds.keys())
    smaller = min(len(a.results), len(b.results))
    if len(common) >= _FEWEST_PAIRS and 2 * len(common) > smaller:
        found = paired_difference([a.seeds[s] for s in common], [b.seeds[s] for s in common])
        return found, tuple(common)
    return unpaired_difference(a.values, b.values), ()


def _verdict(difference: Difference, p: float | None, about: Sequence[Finding]) -> Verdict:
    if difference.n < _FEWEST_PAIRS:
        return "one run"
    if any(finding.blocks for finding in about):
        return "unfounded"
    return "shown" if difference.shown and p is not None and p < ALPHA else "not shown"


# -- cost


def cost_ratio(a: Sequence[RunFacts], b: Sequence[RunFacts]) -> CostRatio | None:
    """Mean cost a run of both; None when neither money nor time is known of all."""
    currencies = {run.currency for run in (*a, *b)}
    money = _mean([run.cost for run in a]), _mean([run.cost for run in b])
    if len(currencies) == 1 and money[0] is not None and money[1]:
        return CostRatio("cost", money[0], money[1])
    gpu = _mean([run.gpu_hours for run in a]), _mean([run.gpu_hours for run in b])
    if gpu[0] and gpu[1]:
        return CostRatio("GPU hours", gpu[0], gpu[1])
    hours = _mean([run.hours for run in a]), _mean([run.hours for run in b])
    if hours[0] is not None and hours[1]:
        return CostRatio("hours", hours[0], hours[1])
    return None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def _at_equal_cost(a: Group, b: Group, ratio: CostRatio | None, metric: str, mode: Mode) -> float | None:
    if ratio is None or ratio.ratio < _SAME_COST:
        return None
    reached = []
    for run in a.runs:
        limit = (run.hours or 0.0) / ratio.ratio
        before = [point.best for point in quality_curve(run, metric, mode) if point.hours <= limit]
        if not before:
            return None
        reached.append(before[-1])
    return _mean(reached)


# -- claims


def _claim(text: str, groups: Sequence[Group], metric: str, mode: Mode) -> Claim:
    match = _CLAIM.match(text)
    if match is None:
        raise UserError(
            f"a claim is two groups with > between them, not {text!r}",
            hint='--claim "A > B": A is better than B, whether less or more of the metric is better',
        )
    better, worse = (match[1], match[3]) if match[2] == ">" else (match[3], match[1])
    a, b = find_group(groups, better), find_group(groups, worse)
    if a is b:
        raise UserError(f"both sides of {text!r} are the same group")
    (pair,) = _pairs([(a, b)], metric, mode)
    return Claim(text, pair, pair.verdict == "shown" and pair.gain > 0)


def find_group(groups: Sequence[Group], name: str) -> Group:
    """The group of that letter, label, name or run; a unique beginning is enough. Raises UserError."""
    name = name.strip().strip("'\"")
    for fits in (
        lambda known: known == name,
        lambda known: known.startswith(name),
        lambda known: name in known.split(),
    ):
        found = [group for group in groups if any(map(fits, group.names))]
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(f"{name!r} means {len(found)} groups", hint=_groups_there_are(found))
    raise UserError(f"there is no group {name!r}", hint=_groups_there_are(groups))


def _groups_there_are(groups: Sequence[Group]) -> str:
    lines = [f"{group.letter}  {group.label}" for group in groups[:12]]
    return "the groups:\n" + "\n".join(lines)
