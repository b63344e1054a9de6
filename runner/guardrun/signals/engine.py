"""Runs the rules over a run's points and tells only what changed: signals raised, grown worse, cleared."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from guardrun.signals.model import SEVERITY_ORDER, Action, Finding, Point, Rule, Signal
from guardrun.signals.policy import decide, full_policy
from guardrun.signals.rules import all_rules

GRACE_POINTS: Final = 5
"""Points after a start or a resume in which nothing but NaN is judged: optimizers settle first."""
HISTORY: Final = 1000
"""Transitions kept; a run that flaps for days must not fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What judging a run depends on, besides its points."""

    monitor: str | None = "val/loss"
    """The metric that decides which checkpoint is best."""
    mode: str = "min"
    """Whether less (``min``) or more (``max``) of the monitor is better."""
    policy: Mapping[str, Action] = field(default_factory=dict)
    """Rule id -> action; rules that it does not name keep the default of the stop table."""

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', not {self.mode!r}")


class Engine:
    """Judges one run. Constant amortised work a point; never raises, whatever the numbers are."""

    def __init__(self, settings: EngineSettings) -> None:
        self._policy = full_policy(settings.policy)
        rules = all_rules(settings.monitor, settings.mode)
        self._rules: tuple[Rule, ...] = tuple(r for r in rules if self._policy.get(r.id) != "off")
        self._active: dict[str, Signal] = {}
        self._quiet: dict[str, int] = {}
        self._history: deque[Signal] = deque(maxlen=HISTORY)
        self._since_start = 0
        self._last_step = 0

    @property
    def active(self) -> tuple[Signal, ...]:
        """Signals that hold now, in the order in which they were raised."""
        return tuple(self._active.values())

    @property
    def history(self) -> tuple[Signal, ...]:
        """All transitions, oldest first (the last 1,000)."""
        return tuple(self._history)

    def feed(self, point: Point) -> list[Signal]:
        """Take one more point and return the transitions.

        A raised signal has ``cleared_at`` None; one that grew worse is raised again, under the same id,
        with its new severity; a cleared one carries the step at which it cleared.
        """
        self._since_start += 1
        self._last_step = point.step
        transitions: list[Signal] = []
        for rule in self._rules:
            if not rule.update(point):
                continue
            finding = rule.finding()
            if finding is None:
                transition = self._quieted(rule, point.step)
            elif self._since_start <= GRACE_POINTS and rule.id != "nan":
                transition = None
            else:
                transition = self._found(rule, finding, point.step)
            if transition is not None:
                transitions.append(transition)
        self._history.extend(transitions)
        return transitions

    def resumed(self) -> list[Signal]:
        """Start judging afresh after a resume; returns the signals that this clears."""
        for rule in self._rules:
            rule.reset()
        cleared = [replace(signal, cleared_at=self._last_step) for signal in self._active.values()]
        self._history.extend(cleared)
        self._active.clear()
        self._quiet.clear()
        self._since_start = 0
        return cleared

    def _found(self, rule: Rule, finding: Finding, step: int) -> Signal | None:
        self._quiet[rule.id] = 0
        held = self._active.get(rule.id)
        if held is not None and SEVERITY_ORDER[finding.severity] <= SEVERITY_ORDER[held.severity]:
            return None
        signal = Signal(
            id=rule.id,
            severity=finding.severity,
            action="observe",
            first_step=finding.first_step,
            raised_at=step,
            message=finding.message,
            evidence=finding.evidence,
            advice=finding.advice,
        )
        signal = replace(signal, action=decide(signal, self._policy))
        self._active[rule.id] = signal
        return signal

    def _quieted(self, rule: Rule, step: int) -> Signal | None:
        held = self._active.get(rule.id)
        if held is None:
            return None
        self._quiet[rule.id] += 1
        if self._quiet[rule.id] < rule.clear_after:
            return None
        del self._active[rule.id], self._quiet[rule.id]
        return replace(held, cleared_at=step)
