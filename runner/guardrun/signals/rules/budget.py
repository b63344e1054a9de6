"""What the user allowed is used up: time, steps, epochs or money."""

from __future__ import annotations

from typing import Final

from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import number
from guardrun.signals.words import seconds_words

_HOUR: Final = 3600.0
_PAUSE_S: Final = 60.0
_LAST_T: Final = 1e12
"""No clock says more."""


class BudgetUsedUp:
    """What the user allowed is used up: time, steps, epochs or money.

    Definition: ``budget.time`` counts from the start of the first attempt, the pauses between attempts left
    out; ``budget.cost`` is the same time at ``cost.per_hour``. Steps count when one is logged beyond
    ``budget.steps``, epochs when training goes on in an epoch beyond ``budget.epochs``: a training that minds
    both itself ends before that.

    Defaults: no limit unless the config sets one; then the run is stopped safely, as finished.

    Source: the user's own wish.

    Wrong when: the clock jumps of a log that does not say when its host had booted (of another tool).
    """

    about = About(
        id="budget", family="limits", kinds=frozenset(("metrics", "eval", "phase", "system", "tick")),
        clear_after=1, graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        budget = self._budget = context.settings.budget
        per_hour = budget.per_hour or 0.0
        by_cost = budget.cost / per_hour * _HOUR if budget.cost is not None and per_hour > 0 else None
        limits = [limit for limit in (budget.time, by_cost) if limit is not None]
        self._seconds = min(limits) if limits else None
        self._by_cost = by_cost is not None and (budget.time is None or by_cost < budget.time)
        self._limited = bool(limits) or budget.steps is not None or budget.epochs is not None
        self._spent = budget.spent_before
        """Seconds of the attempts before this one."""
        self._began = self._newest = 0.0
        self._finding: Finding | None = None
        self._trained = False
        self._resumed = False
        self._ticks = False
        """Whether a supervisor's clock is heard: then no other counts."""

    def reset(self) -> None:
        # A resume within an attempt is no pause, and signs of its life come often; what lies between two
        # attempts is none of the run's time.
        self._spent += self._newest - self._began
        self._began = self._newest
        self._resumed = True

    def update(self, point: Point) -> bool:
        if not self._limited or self._finding is not None:
            return self._finding is not None
        ticks = self._ticks = self._ticks or point.kind == "tick"
        if self._seconds is not None and 0 < point.t < _LAST_T and (not ticks or point.kind == "tick"):
            self._mind_time(point, self._seconds)
        self._mind_progress(point)
        return self._finding is not None

    def skim(self, block: Block) -> bool:
        budget = self._budget
        if not self._limited or not len(block):
            return True
        if self._finding is not None or (self._resumed and not self._ticks):
            return False
        if budget.steps is not None and (block.step > budget.steps).any():
            return False
        if budget.epochs is not None and (block.epoch >= budget.epochs).any():
            return False
        times = block.t[(block.t > 0) & (block.t < _LAST_T)]
        if self._seconds is not None and len(times) and not self._ticks:
            newest = max(self._newest, float(times.max()))
            if not self._began or self._spent + newest - self._began >= self._seconds:
                return False
            self._newest = newest
        self._trained = True
        return True

    def _mind_time(self, point: Point, limit: float) -> None:
        t = point.t
        if not self._began or (self._resumed and t - self._newest > _PAUSE_S):
            self._began = t
        self._resumed = False
        self._newest = max(self._newest, t)
        used = self._spent + self._newest - self._began
        if used < limit:
            return
        budget = self._budget
        if self._by_cost and budget.cost is not None and budget.per_hour is not None:
            cost = used / _HOUR * budget.per_hour
            self._found(point, "cost", cost, budget.cost, f"{number(cost)} of {number(budget.cost)}")
        else:
            self._found(point, "time", used, limit, f"{seconds_words(used)} of {seconds_words(limit)}")

    def _mind_progress(self, point: Point) -> None:
        budget = self._budget
        if point.kind == "metrics":
            self._trained = True
        elif point.kind != "eval":
            return
        if budget.steps is not None and point.step > budget.steps:
            words = f"step {point.step} is beyond {number(budget.steps)}"
            self._found(point, "steps", point.step, budget.steps, words)
        # The last evaluation of a training's last epoch may already count the next one.
        trains = point.kind == "metrics" or not self._trained
        if budget.epochs is not None and trains and point.epoch is not None and point.epoch >= budget.epochs:
            words = f"{number(budget.epochs)} epochs are over"
            self._found(point, "epochs", point.epoch, budget.epochs, words)

    def _found(self, point: Point, which: str, used: float, limit: float, words: str) -> None:
        if self._finding is not None:
            return
        self._finding = Finding(
            "act", point.step, f"The budget of {which} is used up: {words}.",
            {"which": which, "used": used, "limit": limit, "value": used, "threshold": limit},
            "Stop; the best and the last checkpoint are kept, and the run can be resumed with more.",
            f"a larger budget.{which}",
        )  # fmt: skip

    def finding(self) -> Finding | None:
        return self._finding
