"""What a signal is, and what a rule must offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

Severity = Literal["info", "warn", "act"]
Action = Literal["off", "observe", "warn", "stop", "abort"]

SEVERITY_ORDER: Final[Mapping[str, int]] = {"info": 0, "warn": 1, "act": 2}


@dataclass(frozen=True, slots=True)
class Signal:
    """Something a person should know about a run, with the numbers it rests on."""

    id: str
    """Which rule: ``nan``, ``loss_explosion``, ``grad_explosion``, ``overfit``."""
    severity: Severity
    action: Action
    """The safe action of the stop table, after the policy: what is (or would be) done."""
    first_step: int
    """The first step of the evidence."""
    raised_at: int
    """The step at which the rule was sure."""
    message: str
    """One sentence a tired person understands."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Value, threshold, window and whatever else the rule weighed."""
    advice: str = ""
    cleared_at: int | None = None
    recorded: bool = True
    """True: written by the supervisor when it happened; False: computed anew by a viewer."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a rule sees: the numbers of one metrics or eval event."""

    kind: Literal["metrics", "eval"]
    step: int
    epoch: int | None
    t: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's present opinion: the condition holds, with its evidence."""

    severity: Severity
    first_step: int
    message: str
    evidence: Mapping[str, Any]
    advice: str


class Rule(Protocol):
    """One condition over a run's points. Incremental: constant amortised work a point."""

    id: str
    clear_after: int
    """How many points that concern the rule must be quiet in a row before its signal clears."""

    def update(self, point: Point) -> bool:
        """Take one more point; whether it concerned this rule, so that ``finding`` may have changed."""

    def finding(self) -> Finding | None:
        """What holds after the last point; None when nothing is wrong (any more)."""

    def reset(self) -> None:
        """Forget the history, after a resume."""
