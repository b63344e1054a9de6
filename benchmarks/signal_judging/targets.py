"""What the signals are held to, and whether they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks.signal_judging import bulk
from benchmarks.signal_judging.binomial import upper_bound
from benchmarks.signal_judging.labelled import GOOD, LogVerdict
from benchmarks.signal_judging.siblings import Pruning

WRONG_SHARE: Final = 0.01
LATE: Final = 75
"""Logged points (or evaluations, where the onset counts those) from the onset to an automatic action."""
FLAGGED: Final = {"nan": 0.95, "exploded": 0.95, "overfit": 0.90, "no_learning": 0.90}
HEALTHY_WARNED: Final = 0.10
WINNERS_LOST: Final = 0.01
EVENTS_A_SECOND: Final = {"event by event": 50_000, "over columns": 200_000}


class Target(NamedTuple):
    """One target, what was measured, and the runs that miss it."""

    name: str
    aim: str
    measured: str
    met: bool
    named: tuple[str, ...] = ()


def of_bulk(judged: Sequence[bulk.Verdicts]) -> Iterator[Target]:
    """Automatic actions over the bulk curves."""
    if not judged:
        return
    found = bulk.tally(judged, bulk.POLICY)
    share = found.wrong / found.fired if found.fired else 0.0
    bound = upper_bound(found.wrong, found.fired)
    stopped = [(item, item.stops[bulk.POLICY]) for item in judged if bulk.POLICY in item.stops]
    named = [f"{s.rule} at eval {s.place}: {item.file}: {item.id}" for item, s in stopped if s.wrong]
    measured = f"{found.wrong} of {found.fired} ({share:.2%}, 95 % bound {bound:.2%})"
    yield Target("automatic stops that are wrong", "<= 1 %", measured, share <= WRONG_SHARE, tuple(named))


def of_logs(logs: Sequence[LogVerdict]) -> Iterator[Target]:
    """The labelled logs. One that can't be read counts as missed where something should be flagged."""
    good = [log for log in logs if log.log.label in GOOD]
    bloomers = [log for log in logs if "late_bloomer" in log.log.tags]
    if good:
        yield _none_acted("acts on healthy and spike_recovered runs", good)
    if bloomers:
        yield _none_acted("acts on late bloomers", bloomers)
    for label, least in FLAGGED.items():
        alike = [log for log in logs if log.log.label == label]
        if alike:
            yield _flagged(label, alike, least)
    broken = [log for log in logs if log.log.label in ("nan", "exploded")]
    if any(log.acted for log in broken):
        yield _in_time(broken)
    healthy = [log for log in logs if log.log.label == "healthy" and not log.problem]
    if healthy:
        yield _rarely_warned(healthy)


def _none_acted(name: str, logs: Sequence[LogVerdict]) -> Target:
    acted = [(log, log.acted[0]) for log in logs if log.acted]
    named = tuple(f"{seen.id} at step {seen.step}: {log.log.file}" for log, seen in acted)
    return Target(name, "0", f"{len(acted)} of {len(logs)}", not acted, named)


def _flagged(label: str, logs: Sequence[LogVerdict], least: float) -> Target:
    missed = tuple(_missed(log) for log in logs if not log.named)
    found = len(logs) - len(missed)
    acted = sum(bool(log.acted) for log in logs)
    measured = f"{found} of {len(logs)} ({found / len(logs):.0%}), acted on {acted}"
    return Target(f"{label} runs flagged", f">= {least:.0%}", measured, found >= least * len(logs), missed)


def _missed(log: LogVerdict) -> str:
    others = sorted({f"{seen.id} ({seen.severity})" for seen in log.seen})
    why = "not readable" if log.problem else "only " + ", ".join(others) if others else "nothing raised"
    return f"{why}: {log.log.file}"


def _in_time(logs: Sequence[LogVerdict]) -> Target:
    first = [(log, log.acted[0]) for log in logs if log.acted and log.acted[0].distance is not None]
    distances = [seen.distance for _, seen in first if seen.distance is not None]
    late = tuple(
        f"{seen.id} {seen.distance:+} at step {seen.step}: {log.log.file}"
        for log, seen in first
        if seen.distance is not None and abs(seen.distance) > LATE
    )
    span = f"{min(distances):+} to {max(distances):+}" if distances else "no onset known"
    measured = f"{len(distances) - len(late)} of {len(distances)} ({span})"
    return Target("nan and exploded acted on near the onset", f"<= {LATE} points", measured, not late, late)


def _rarely_warned(logs: Sequence[LogVerdict]) -> Target:
    warned = [
        (log, [seen for seen in log.seen if seen.health and seen.loud])
        for log in logs
        if any(seen.health and seen.loud for seen in log.seen)
    ]
    named = tuple(f"{', '.join(sorted({s.id for s in seen}))}: {log.log.file}" for log, seen in warned)
    share = len(warned) / len(logs)
    measured = f"{len(warned)} of {len(logs)} ({share:.0%})"
    met = share <= HEALTHY_WARNED
    return Target("healthy runs with a health warning", "<= 10 %", measured, met, named)


def of_pruning(found: Pruning | None) -> Iterator[Target]:
    """The product's pruning over every sibling group."""
    if found is None or not found.groups:
        return
    share = found.lost / found.groups
    measured = f"{found.lost:g} of {found.groups} groups ({share:.2%})"
    yield Target("winners lost by pruning", "< 1 %", measured, share < WINNERS_LOST, found.losses)


def of_speed(measured: Mapping[str, float]) -> Iterator[Target]:
    """Events a second on one core."""
    for way, rate in measured.items():
        aim = EVENTS_A_SECOND[way]
        yield Target(f"events a second, {way}", f">= {aim:,}", f"{rate:,.0f}", rate >= aim)


def all_met(targets: Iterable[Target]) -> bool:
    """Whether none is missed."""
    return all(target.met for target in targets)
