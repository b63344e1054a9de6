"""What a signal is, what a rule sees, and what a rule must offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

Severity = Literal["info", "warn", "act"]
Action = Literal["off", "observe", "warn", "stop", "abort"]
Kind = Literal["metrics", "eval", "phase", "system", "tick", "end"]
Family = Literal["health", "performance", "resources", "limits"]
"""What a rule watches: how the training learns, how fast it goes, what the machine has left, what the user
allowed."""

SEVERITY_ORDER: Final[Mapping[str, int]] = {"info": 0, "warn": 1, "act": 2}


@dataclass(frozen=True, slots=True)
class Signal:
    """Something a person should know about a run, with the numbers it rests on."""

    id: str
    """Which rule: ``nan``, ``loss_explosion``, ``overfit``, ..."""
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
    would_change: str = ""
    """What would change the rule's mind: "a new best below 0.412 within 8 evaluations"."""
    would_do: Action | None = None
    """With the policy ``observe``: what the default policy would have done."""
    cleared_at: int | None = None
    """The step at which it ended, by recovery, a resume or because ``superseded_by`` took its place."""
    superseded_by: str | None = None
    """The stronger signal that says the same and more."""
    acknowledged_at: int | None = None
    """The step at which a person said that they know."""
    snoozed_until: float | None = None
    """Known for a while only: the unix seconds at which it comes back by itself."""
    snoozed_until_step: int | None = None
    """The same in steps."""
    recorded: bool = True
    """True: written by the supervisor when it happened; False: computed anew by a viewer."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a rule sees: the numbers of one event."""

    kind: Kind
    """``tick`` is time that passes without an event, ``end`` the end of the training."""
    step: int
    epoch: int | None
    t: float
    """Unix seconds of the writer's clock; 0 where the log has no time."""
    values: Mapping[str, float]
    rank: int = 0
    text: str = ""
    """The phase of a ``phase`` point; the error of an ``end``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's present opinion: the condition holds, with its evidence."""

    severity: Severity
    first_step: int
    message: str
    evidence: Mapping[str, Any]
    advice: str
    would_change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the engine must know of a rule."""

    id: str
    family: Family
    kinds: frozenset[Kind]
    """The points it wants to see."""
    clear_after: int
    """How many points that concern the rule must be quiet in a row before its signal clears."""
    graced: bool = True
    """Whether it is not heard at the start, after a resume and after a restart of the learning rate."""
    every_rank: bool = False
    """Whether it sees the points of all ranks; else those of rank 0."""


class Rule(Protocol):
    """One condition over a run's points. Incremental: constant amortised work a point.

    A rule is made with the run's ``Context``. One with a method ``skim(block) -> bool`` takes many points of
    kind ``metrics`` at once when they are without interest: it then returns True and is in the very state
    that the same points one by one would have left it in, with no finding; else it changes nothing and
    returns False.

    The docstring of a rule's class is its page in the documentation: a sentence, then the paragraphs
    ``Definition:``, ``Defaults:``, ``Source:`` and ``Wrong when:``.
    """

    about: About

    def update(self, point: Point) -> bool:
        """Take one more point; whether it concerned this rule, so that ``finding`` may have changed."""

    def finding(self) -> Finding | None:
        """What holds after the last point; None when nothing is wrong (any more)."""

    def reset(self) -> None:
        """Forget the history, after a resume."""
