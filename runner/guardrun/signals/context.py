"""What judging a run depends on besides its points: monitor, limits of the user, length of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guardrun.signals.model import Action, Point
from guardrun.state.status import HUNG_AFTER_S, hung_least


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of the user; None: no limit."""

    time: float | None = None
    """Seconds, of all attempts together."""
    steps: float | None = None
    epochs: float | None = None
    cost: float | None = None
    per_hour: float | None = None
    """What an hour costs, in the unit of ``cost``."""
    spent_before: float = 0.0
    """Seconds that earlier attempts took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What is known of a run before its first point."""

    monitor: str | None = "val/loss"
    """The metric that decides which checkpoint is best."""
    mode: str = "min"
    """Whether less (``min``) or more (``max``) of the monitor is better."""
    policy: Mapping[str, Action] = field(default_factory=dict)
    """Rule id -> action; rules that it does not name keep the default of the stop table."""
    patience: int | None = None
    """Evaluations without a better monitor after which the user wants the run to end."""
    min_delta: float = 0.0
    budget: Budget = Budget()
    hang: float = HUNG_AFTER_S
    """Seconds of silence in a training step that are never called a hang."""
    total_steps: int | None = None
    total_epochs: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', not {self.mode!r}")


class Context:
    """The settings, and what points have told since about the length of the run. Shared by a run's rules."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.total_steps: float | None = settings.total_steps
        self.total_epochs: float | None = settings.total_epochs
        self.siblings: tuple[Any, ...] = ()
        """Curves of the other runs of the group (``signals.siblings.Sibling``)."""

    def learn(self, point: Point) -> None:
        """Take the totals that a point tells; the newest win."""
        steps, epochs = point.values.get("total_steps"), point.values.get("total_epochs")
        if steps is not None and steps > 0:
            self.total_steps = steps
        if epochs is not None and epochs > 0:
            self.total_epochs = epochs

    def share(self, point: Point) -> float | None:
        """How much of the run is over at this point (0 to 1 and beyond); None: its length is not known.

        The nearest of the limits counts: the totals that the training told, and the user's budget in steps
        and epochs.
        """
        budget = self.settings.budget
        shares = [point.step / total for total in (self.total_steps, budget.steps) if total]
        if point.epoch is not None:
            shares += [point.epoch / total for total in (self.total_epochs, budget.epochs) if total]
        return max(shares, default=None)


def settings_of(config: Mapping[str, Any], spent_before: float = 0.0) -> EngineSettings:
    """The settings of a run whose effective configuration this is; values of a wrong type count as not given.

    It comes from a run directory and may hold anything.
    """
    monitor, stop = _table(config, "monitor"), _table(config, "stop")
    budget, cost = _table(config, "budget"), _table(config, "cost")
    metric = monitor.get("metric")
    patience = _positive(stop.get("patience"))
    actions = ("off", "observe", "warn", "stop", "abort")
    policy = {str(k): v for k, v in _table(config, "policy").items() if v in actions}
    return EngineSettings(
        monitor=metric if isinstance(metric, str) and metric else "val/loss",
        mode="max" if monitor.get("mode") == "max" else "min",
        policy=policy,
        patience=None if patience is None else int(patience),
        min_delta=_positive(stop.get("min_delta")) or 0.0,
        hang=hung_least(config),
        budget=Budget(
            time=_positive(budget.get("time")),
            steps=_positive(budget.get("steps")),
            epochs=_positive(budget.get("epochs")),
            cost=_positive(budget.get("cost")),
            per_hour=_positive(cost.get("per_hour")),
            spent_before=spent_before,
        ),
    )


def _table(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}


def _positive(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value) if abs(value) < 2**1023 else 0.0
    return number if 0 < number < float("inf") else None
