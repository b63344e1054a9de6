"""Overfitting: what simple rules and ours (at several settings) catch, against the false alarms they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from benchmarks.signal_judging import bulk, labelled
from benchmarks.signal_judging.drift_rules import SIMPLE_RULES
from benchmarks.signal_judging.engine_adapter import OVERFIT, OVERFIT_SCALES, only_overfit
from benchmarks.signal_judging.loading import Curve, Labelled

AS_IT_IS = "overfit as it is"


class Place(NamedTuple):
    """One rule on the frontier."""

    name: str
    caught: int
    """Runs labelled overfit on which it stops."""
    of: int
    false_alarms: int
    """Runs labelled healthy or spike_recovered on which it stops."""
    wrong_stops: int
    """Bulk curves on which it stops and validation later improves by 1 % or more."""
    stops: int
    """Bulk curves on which it stops."""

    @property
    def alarms(self) -> int:
        """Runs that it stops wrongly, labelled or not."""
        return self.false_alarms + self.wrong_stops


def of_simple_rules(judged: Sequence[bulk.Verdicts], logs: Sequence[labelled.LogVerdict]) -> list[Place]:
    """Where the published rules stand, and simple ones of growing care."""
    places = []
    for name in SIMPLE_RULES:
        total = bulk.tally(judged, name)
        caught = sum(name in log.stops for log in logs if log.log.label == "overfit")
        false = sum(name in log.stops for log in logs if log.log.label in labelled.GOOD)
        places.append(Place(name, caught, _overfitting(logs), false, total.wrong, total.fired))
    return places


def of_ours(
    curves: Sequence[Curve], folder: Path, logs: Sequence[Labelled], scales: Sequence[float] = OVERFIT_SCALES
) -> list[Place]:
    """Our rule with every threshold of its strictness scaled; 1 is the rule as it is."""
    wanted = [log for log in logs if log.label in ("overfit", *labelled.GOOD)]
    with get_context("fork").Pool(bulk.WORKERS) as pool:
        return pool.map(partial(_ours, curves, folder, wanted), scales, chunksize=1)


def _ours(curves: Sequence[Curve], folder: Path, logs: Sequence[Labelled], scale: float) -> Place:
    with only_overfit(scale):
        judged = bulk.judge_all(curves, workers=1)
        seen = labelled.judge_logs(folder, logs, workers=1)
    acted = [verdict for verdict in seen if any(item.id == OVERFIT for item in verdict.acted)]
    total = bulk.tally(judged, OVERFIT + "!")
    return Place(
        f"overfit, thresholds x {scale:g}" if scale != 1 else AS_IT_IS,
        sum(verdict.log.label == "overfit" for verdict in acted),
        _overfitting(seen),
        sum(verdict.log.label in labelled.GOOD for verdict in acted),
        total.wrong,
        total.fired,
    )


def _overfitting(logs: Sequence[labelled.LogVerdict]) -> int:
    return sum(log.log.label == "overfit" for log in logs)


def undominated(places: Sequence[Place]) -> Iterator[Place]:
    """Those for which no other catches as much or more with fewer false alarms and wrong stops together."""
    for place in places:
        if not any(
            other.caught >= place.caught
            and other.alarms <= place.alarms
            and (other.caught, other.alarms) != (place.caught, place.alarms)
            for other in places
        ):
            yield place
