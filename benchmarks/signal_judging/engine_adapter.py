"""The one place that knows how the product's engine, rules and readers are called."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from guardrun.events.decode import decode
from guardrun.events.schema import RESUME
from guardrun.reading.foreign import ForeignLog, event_lines, read_foreign
from guardrun.reading.layout import ABSENT
from guardrun.series.robust import median
from guardrun.signals.block import Block
from guardrun.signals.engine import Engine, EngineSettings
from guardrun.signals.from_events import point_of
from guardrun.signals.model import SEVERITY_ORDER, Action, Point, Severity
from guardrun.signals.rules import RULES, overfit
from guardrun.signals.siblings import Sibling

AUTOMATIC: Final[tuple[Action, ...]] = ("stop", "abort")
HEALTH: Final = "health"
LIMITS: Final = "limits"
"""The family of rules that carry out what the user set: patience, budgets."""
OVERFIT: Final = "overfit"
INFERIOR: Final = "inferior"
OVERFIT_SCALES: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
SPAN: Final = 4096
"""Metrics events that are judged at once over columns."""
_STRICTNESS: Final = ("RISE", "SIGMAS", "AGE", "TREND_Z")
"""Parts of the names of the overfit rule's constants that make it stricter when they grow."""
_FAMILIES: Final = {rule.about.id: rule.about.family for rule in RULES}  # type: ignore[attr-defined]
_SETTINGS: Final = frozenset(item.name for item in dataclasses.fields(EngineSettings))
_switched_off: dict[str, Action] = {}
"""Rules that ``only_overfit`` keeps silent."""


Evaluations = tuple[str, Sequence[int], Sequence[float]]
"""Name of a run, the steps of its evaluations, and its validation losses."""


class Raised(NamedTuple):
    """A signal that was raised or grew worse."""

    id: str
    severity: Severity
    action: Action
    place: int
    """How many points had been fed before the one that raised it."""
    first_step: int
    raised_at: int


class Log(NamedTuple):
    """A foreign log as points, and what it says about its training."""

    format: str
    points: list[Point | None]
    """None where the training was started again."""
    monitor: str | None
    mode: str
    budget: dict[str, int]

    @property
    def val_loss(self) -> str:
        """The validation loss that stopping rules look at: the monitor, where it is one."""
        is_loss = self.monitor is not None and self.mode == "min" and "loss" in self.monitor
        return self.monitor if is_loss and self.monitor is not None else "val/loss"


def judge(
    points: Iterable[Point | None],
    *,
    monitor: str | None = "val/loss",
    mode: str = "min",
    budget: Mapping[str, int] | None = None,
) -> list[Raised]:
    """Feed the points one by one, as a live run would, with the default policy; None is a resume.

    ``budget`` may name ``total_steps`` and ``total_epochs``, which a live run declares at its start.
    """
    engine = new_engine(monitor=monitor, mode=mode, policy=_switched_off, **(budget or {}))
    return [
        Raised(signal.id, signal.severity, signal.action, place, signal.first_step, signal.raised_at)
        for place, point in enumerate(points)
        for signal in (engine.resumed() if point is None else engine.feed(point))
        if signal.cleared_at is None
    ]


def new_engine(**settings: Any) -> Engine:
    """An engine; settings that it doesn't have are left out."""
    return Engine(EngineSettings(**{name: value for name, value in settings.items() if name in _SETTINGS}))


def feed_columns(points: Sequence[Point]) -> Callable[[Engine], None]:
    """What feeds the points to an engine as spans of columns; the columns are made now, as a reader would."""
    placed = list(enumerate(points))
    metrics = [(place, point) for place, point in placed if point.kind == "metrics"]
    others = [(float(place), point) for place, point in placed if point.kind != "metrics"]
    order = np.array([place for place, _ in metrics], dtype=np.int64)
    axes = np.array([(p.step, ABSENT if p.epoch is None else p.epoch, p.t) for _, p in metrics], dtype=float)
    names = list(dict.fromkeys(name for _, point in metrics for name in point.values))
    columns = {name: np.array([p.values.get(name, ABSENT) for _, p in metrics]) for name in names}

    def feed(engine: Engine) -> None:
        done = 0
        for start in range(0, len(order), SPAN):
            part = slice(start, start + SPAN)
            step, epoch, t = (axes[part, axis] for axis in range(3))
            cut = {name: column[part] for name, column in columns.items()}
            block = Block("metrics", order[part], step, epoch, t, cut)
            end = done
            while end < len(others) and (start + SPAN >= len(order) or others[end][0] < order[start + SPAN]):
                end += 1
            engine.feed_span(block, others[done:end])
            done = end

    return feed


@contextmanager
def only_overfit(scale: float) -> Iterator[None]:
    """Judge with the overfit rule alone, its thresholds scaled: below 1 it believes sooner."""
    constants = {
        name: value
        for name, value in vars(overfit).items()
        if isinstance(value, int | float) and any(part in name for part in _STRICTNESS)
    }
    _switched_off.update((rule_id, "off") for rule_id in _FAMILIES if rule_id != OVERFIT)
    for name, value in constants.items():
        scaled = value * scale
        setattr(overfit, name, max(1, round(scaled)) if isinstance(value, int) else scaled)
    try:
        yield
    finally:
        _switched_off.clear()
        for name, value in constants.items():
            setattr(overfit, name, value)


def read_log(path: Path) -> Iterator[Log]:
    """The logs in a file, by the product's readers. Raises UserError for an unknown format."""
    for log in read_foreign(path):
        totals = {"total_steps": log.total_steps, "total_epochs": log.total_epochs}
        known = {name: value for name, value in totals.items() if value is not None}
        yield Log(log.format, list(_points(log)), log.monitor, log.mode, known)


def _points(log: ForeignLog) -> Iterator[Point | None]:
    """The events that the product would write for the log."""
    step = 0
    for line in event_lines(log):
        event = decode(line)
        if event is None:
            continue
        if event["kind"] == RESUME:
            yield None
        point = point_of(event, last_step=step)
        if point is not None:
            step = point.step
            yield point


def has_rule(rule_id: str) -> bool:
    """Whether the product has a rule of this name."""
    return rule_id in _FAMILIES


def prune_group(members: Sequence[Evaluations]) -> dict[int, int]:
    """Which runs of a group the product's rule calls clearly inferior, and after which evaluation.

    All go on side by side; a run that was called inferior ends there. A run that ended before the median of
    the group (it had reached its goal, or crashed) was to be as long as that; a longer one as long as it is.
    """
    usual = median([steps[-1] for _, steps, _ in members])
    totals = [max(usual, steps[-1]) for _, steps, _ in members]
    engines = [_pruning_engine(total) for total in totals]
    curves = [_sibling(member, len(member[1]), total) for member, total in zip(members, totals, strict=True)]
    pruned: dict[int, int] = {}
    moments = sorted(
        (step / totals[place], place, index)
        for place, (_, steps, _) in enumerate(members)
        for index, step in enumerate(steps)
    )
    for _, place, index in moments:
        if place in pruned:
            continue
        _, steps, val = members[place]
        engine = engines[place]
        engine.context.siblings = tuple(curve for other, curve in enumerate(curves) if other != place)
        point = Point("eval", steps[index], None, 0.0, {"val/loss": val[index]})
        if any(signal.id == INFERIOR and signal.cleared_at is None for signal in engine.feed(point)):
            pruned[place] = index
            curves[place] = _sibling(members[place], index + 1, totals[place])
    return pruned


def _pruning_engine(total: float) -> Engine:
    policy = dict.fromkeys(_FAMILIES.keys() - {INFERIOR}, "off")
    return new_engine(total_steps=math.ceil(total), policy=policy)


def _sibling(member: Evaluations, count: int, total: float) -> Sibling:
    name, steps, val = member
    return Sibling.of(name, zip(steps[:count], val[:count], strict=True), total=total, over=True)


def family(rule_id: str) -> str:
    """What a rule watches, in its own word."""
    return str(_FAMILIES.get(rule_id, HEALTH))


def at_least(raised: Raised, severity: Severity) -> bool:
    """Whether a signal is of this severity or a worse one."""
    return SEVERITY_ORDER[raised.severity] >= SEVERITY_ORDER[severity]


def is_automatic(raised: Raised) -> bool:
    """Whether the policy stops or aborts by itself, other than on the user's own patience or budget."""
    return raised.action in AUTOMATIC and family(raised.id) != LIMITS


def worst(severities: Iterable[Severity]) -> Severity | None:
    """The worst of some severities; None when there is none."""
    return max(severities, key=SEVERITY_ORDER.__getitem__, default=None)
