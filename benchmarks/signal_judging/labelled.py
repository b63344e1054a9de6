"""Labelled logs: what was raised on each, how far from the onset, which were missed and which are false."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.signal_judging.baselines import first_spike
from benchmarks.signal_judging.drift_rules import SIMPLE_RULES
from benchmarks.signal_judging.engine_adapter import (
    HEALTH,
    Log,
    family,
    is_automatic,
    judge,
    read_log,
)
from benchmarks.signal_judging.loading import Labelled
from guardrun.errors import UserError
from guardrun.signals.model import Point, Severity

NAMED_BY: Final = {
    "nan": ("nan",),
    "exploded": ("loss_explosion", "collapse", "nan", "grad_explosion"),
    "overfit": ("overfit",),
    "no_learning": ("no_learning", "stagnation"),
    "plateau": ("stagnation", "no_learning"),
    "oscillating": ("oscillation",),
}
"""Label -> the signals (by the start of their id) that call it by its name."""
GOOD: Final = ("healthy", "spike_recovered")
"""Labels of runs that nothing may stop."""
SPIKE: Final = "spike 2x running mean"


class Seen(NamedTuple):
    """A signal on a labelled log."""

    id: str
    severity: Severity
    action: str
    automatic: bool
    health: bool
    """It is about the training itself, not about speed, resources or the user's own limits."""
    step: int
    distance: int | None
    """From the onset, in the onset's unit (logged points or evaluations); None where no onset is named."""

    @property
    def loud(self) -> bool:
        return self.severity != "info"


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """What the rules and the baselines did to one labelled log."""

    log: Labelled
    format: str = ""
    points: int = 0
    evaluations: int = 0
    seen: tuple[Seen, ...] = ()
    stops: dict[str, int] = field(default_factory=dict)
    """Baseline -> the evaluation (for the spike rule: the logged loss) at which it stops."""
    problem: str = ""
    """Why it couldn't be read."""

    @property
    def named(self) -> bool:
        """Whether a warning or worse calls the label by its name."""
        return any(item.loud and item.id.startswith(NAMED_BY.get(self.log.label, ())) for item in self.seen)

    @property
    def acted(self) -> tuple[Seen, ...]:
        return tuple(item for item in self.seen if item.automatic)


def judge_logs(folder: Path, logs: Sequence[Labelled], workers: int) -> list[LogVerdict]:
    """Judge every scored log, over several processes when there are many."""
    jobs = [(folder, log) for log in logs if log.scored]
    if workers <= 1 or len(jobs) < 8:
        return [_judged(job) for job in jobs]
    with get_context("fork").Pool(workers) as pool:
        return pool.map(_judged, jobs, chunksize=1)


def _judged(job: tuple[Path, Labelled]) -> LogVerdict:
    folder, labelled = job
    path = folder / labelled.file
    try:
        return _verdict(labelled, list(read_log(path)))
    except (UserError, OSError) as error:
        return LogVerdict(labelled, problem=str(error).removeprefix(f"{path} "))
    except Exception as error:  # a defect of ours on one log is counted, and hides no other log's verdict
        return LogVerdict(labelled, problem=f"a defect: {type(error).__name__}: {error}")


def _verdict(labelled: Labelled, logs: Sequence[Log]) -> LogVerdict:
    if not any(log.points for log in logs):
        return LogVerdict(labelled, problem="holds no rows")
    seen = [item for log in logs for item in _seen(log, labelled)]
    longest = max(logs, key=lambda log: len(log.points))
    kinds = [point.kind for point in longest.points if point is not None]
    points, evaluations = kinds.count("metrics"), kinds.count("eval")
    return LogVerdict(labelled, longest.format, points, evaluations, tuple(seen), _baselines(longest))


def _seen(log: Log, labelled: Labelled) -> list[Seen]:
    onset = labelled.onset if labelled.onset_unit in ("eval", "log") else None
    passed = _passed(log.points, labelled.onset_unit)
    found = []
    for raised in judge(log.points, monitor=log.monitor, mode=log.mode, budget=log.budget):
        distance = None if onset is None else passed[raised.place] - onset
        health = family(raised.id) == HEALTH
        found.append(
            Seen(
                raised.id,
                raised.severity,
                raised.action,
                is_automatic(raised),
                health,
                raised.raised_at,
                distance,
            )
        )
    return found


def _passed(points: Sequence[Point | None], unit: str) -> list[int]:
    """For every point: the index that the newest evaluation (or logged loss) has among its kind."""
    count, passed = -1, list[int]()
    for point in points:
        if point is None:
            passed.append(count)
            continue
        count += point.kind == "eval" if unit == "eval" else _is_logged_loss(point)
        passed.append(count)
    return passed


def _is_logged_loss(point: Point) -> bool:
    return point.kind == "metrics" and "train/loss" in point.values


def _baselines(log: Log) -> dict[str, int]:
    """The baselines see an evaluation's own training loss, else the mean of those logged since the last."""
    train: list[float] = []
    val: list[float] = []
    steps: list[float] = []
    since: list[float] = []
    for point in filter(None, log.points):
        loss = point.values.get("train/loss")
        if _is_logged_loss(point) and loss is not None:
            since.append(loss)
            steps.append(loss)
        elif log.val_loss in point.values:
            train.append(loss if loss is not None else sum(since) / len(since) if since else math.nan)
            val.append(point.values[log.val_loss])
            since.clear()
    found = {name: rule(train, val) for name, rule in SIMPLE_RULES.items() if val}
    found[SPIKE] = first_spike(steps or train)
    return {name: index for name, index in found.items() if index is not None}


def is_false_alarm(verdict: LogVerdict, seen: Seen) -> bool:
    """A training-health warning on a healthy run, or anything that stops a run that recovers."""
    if verdict.log.label == "healthy":
        return seen.automatic or (seen.health and seen.loud)
    return seen.automatic and (verdict.log.label in GOOD or "late_bloomer" in verdict.log.tags)
