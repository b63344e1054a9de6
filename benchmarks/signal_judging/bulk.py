"""Bulk curves: how often each rule stops a run, how often wrongly, and how much of the run that saves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final, NamedTuple

from benchmarks.signal_judging.drift_rules import SIMPLE_RULES
from benchmarks.signal_judging.engine_adapter import Raised, at_least, is_automatic, judge
from benchmarks.signal_judging.loading import Curve, held_out
from guardrun.signals.model import Point

GAIN: Final = 0.01
"""A stop is wrong when validation later improves its best by this share of it."""
POLICY: Final = "policy"
"""The name under which automatic stops and aborts of any rule are counted."""
WORKERS: Final = 2


class Stop(NamedTuple):
    """One rule stops one curve."""

    place: int
    """The evaluation after which it stops."""
    gain: float
    """By which share validation later improves its best; inf when it had none; 0 or less: it doesn't."""
    rule: str
    """Which rule it was; differs from the name it is counted under for the policy."""

    @property
    def wrong(self) -> bool:
        return self.gain >= GAIN


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What every rule and baseline did to one curve."""

    file: str
    id: str
    source: str
    evaluations: int
    stops: dict[str, Stop]
    """Name of a rule (flagged ``overfit``, acted ``overfit!``), of a baseline or ``policy`` -> its stop."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One rule over many curves."""

    curves: int
    fired: int
    wrong: int
    saved: float
    """Share of all evaluations that come after its stops."""


def judge_all(curves: Sequence[Curve], workers: int = WORKERS) -> list[Verdicts]:
    """Judge every curve, over several processes when there are many."""
    if workers <= 1 or len(curves) < 50:
        return [verdicts(curve) for curve in curves]
    with get_context("fork").Pool(workers) as pool:
        return pool.map(verdicts, curves, chunksize=25)


def points(curve: Curve) -> Iterator[Point]:
    """The curve as evaluation events: its training loss was measured in evaluation mode, too."""
    name = None if curve.metric_name is None else "val/" + curve.metric_name.rpartition("/")[2]
    for index, (step, train, val) in enumerate(zip(curve.steps, curve.train, curve.val, strict=True)):
        values = {"train/loss": train, "val/loss": val}
        if name is not None and name not in values:
            values[name] = curve.metric[index]
        yield Point("eval", step, index, 0.0, values)


def verdicts(curve: Curve) -> Verdicts:
    """What the product's rules and the baselines do to one curve.

    The length of the run is told, as a training tells it when it starts.
    """
    stops: dict[str, Stop] = {}
    budget = {"total_steps": curve.steps[-1], "total_epochs": len(curve.steps)}
    for signal in judge(points(curve), budget=budget):
        for name in _counted_as(signal):
            stops.setdefault(name, Stop(signal.place, later_gain(curve.val, signal.place), signal.id))
    for name, rule in SIMPLE_RULES.items():
        index = rule(curve.train, curve.val)
        if index is not None:
            stops[name] = Stop(index, later_gain(curve.val, index), name)
    return Verdicts(curve.file, curve.id, curve.source, len(curve.val), stops)


def _counted_as(signal: Raised) -> Iterator[str]:
    yield signal.id if at_least(signal, "warn") else f"{signal.id} (info)"
    if is_automatic(signal):
        yield signal.id + "!"
        yield POLICY


def later_gain(val: Sequence[float], index: int) -> float:
    """By which share of it the best validation loss until ``index`` is improved after it.

    Negative when it is not reached again; -inf when nothing finite comes after; inf when nothing was before.
    """
    before = min(filter(math.isfinite, val[: index + 1]), default=math.inf)
    after = min(filter(math.isfinite, val[index + 1 :]), default=math.inf)
    if math.isinf(after):
        return -math.inf
    if math.isinf(before):
        return math.inf
    gain = before - after
    return gain / abs(before) if before else math.copysign(math.inf, gain) if gain else 0.0


def tally(judged: Iterable[Verdicts], name: str) -> Tally:
    """Count one rule's stops."""
    curves = fired = wrong = evaluations = spared = 0
    for item in judged:
        curves += 1
        evaluations += item.evaluations
        stop = item.stops.get(name)
        if stop is not None:
            fired += 1
            wrong += stop.wrong
            spared += item.evaluations - 1 - stop.place
    return Tally(curves, fired, wrong, spared / evaluations if evaluations else 0.0)


def by_file(judged: Sequence[Verdicts]) -> dict[str, list[Verdicts]]:
    """The verdicts of each bulk file, and of all of them together."""
    parts: dict[str, list[Verdicts]] = defaultdict(list)
    for item in judged:
        parts[item.file].append(item)
    return {**parts, "together": list(judged)} if len(parts) != 1 else dict(parts)


def by_part(judged: Sequence[Verdicts]) -> dict[str, list[Verdicts]]:
    """The verdicts on sources that rules were tuned on, and on those that were held out."""
    parts: dict[str, list[Verdicts]] = {"tuned on": [], "held out": []}
    for item in judged:
        parts["held out" if held_out(item.source) else "tuned on"].append(item)
    return parts


def rule_names(judged: Iterable[Verdicts]) -> list[str]:
    """Names of the product's rules that stopped anything, flagged before acted."""
    found = {name for item in judged for name in item.stops}
    return sorted(found - set(SIMPLE_RULES) - {POLICY})
