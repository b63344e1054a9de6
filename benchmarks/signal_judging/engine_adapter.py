"""The one place that knows how the product's engine is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from guardrun.signals.engine import Engine, EngineSettings
from guardrun.signals.model import SEVERITY_ORDER, Action, Point, Severity

AUTOMATIC: tuple[Action, ...] = ("stop", "abort")
_SETTINGS = frozenset(item.name for item in dataclasses.fields(EngineSettings))


class Raised(NamedTuple):
    """A signal that was raised or grew worse."""

    id: str
    severity: Severity
    action: Action
    place: int
    """How many points had been fed before the one that raised it."""
    first_step: int
    raised_at: int


def judge(
    points: Iterable[Point],
    *,
    monitor: str = "val/loss",
    mode: str = "min",
    budget: Mapping[str, int] | None = None,
) -> list[Raised]:
    """Feed the points one by one, as a live run would, with the default policy.

    ``budget`` may name ``total_steps`` and ``total_epochs``, which a live run declares at its start.
    """
    known: dict[str, Any] = {name: value for name, value in (budget or {}).items() if name in _SETTINGS}
    engine = Engine(EngineSettings(monitor=monitor, mode=mode, **known))
    return [
        Raised(signal.id, signal.severity, signal.action, index, signal.first_step, signal.raised_at)
        for index, point in enumerate(points)
        for signal in engine.feed(point)
        if signal.cleared_at is None
    ]


def at_least(raised: Raised, severity: Severity) -> bool:
    """Whether a signal is of this severity or a worse one."""
    return SEVERITY_ORDER[raised.severity] >= SEVERITY_ORDER[severity]


def is_automatic(raised: Raised) -> bool:
    """Whether the policy stops or aborts by itself, other than on the user's own patience or budget."""
    return raised.action in AUTOMATIC and not raised.id.startswith(("patience", "budget", "early_stopping"))


def worst(raised: Iterable[Raised]) -> Severity | None:
    """The worst severity among signals; None without one."""
    return max((signal.severity for signal in raised), key=SEVERITY_ORDER.__getitem__, default=None)
