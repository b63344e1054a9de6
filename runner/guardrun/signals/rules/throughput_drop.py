"""Training has become much slower than it was at first, and stays so."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from guardrun.reading.layout import is_absent
from guardrun.series.robust import median
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.majority import Majority
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import DATA_TIME, STEP_TIME, number
from guardrun.signals.words import seconds_words

SLOWER: Final = 1.3
STILL_SLOWER: Final = 1.2
"""What counts as slow once it is: a pace at the edge is one signal, not many."""
BASELINE: Final = 50
WINDOW: Final = 20
LASTING: Final = 20
LASTING_S: Final = 10.0
MEASURES: Final = ("tokens_per_s", "samples_per_s", STEP_TIME)
"""The first of these that a run logs tells its pace: a step may grow by design, a token's cost does not."""


class ThroughputDrop:
    """Training has become much slower than it was at first, and stays so.

    Definition: the median cost of the last 20 logged points is above 1.3 times that of the first 50, at 20
    points in a row that span 10 s or more. The cost is the time for a token (``tokens_per_s``), else for a
    sample (``samples_per_s``), else for a step (``step_time``). A single slow step, as after an evaluation or
    a checkpoint, moves no median. The signal clears below 1.2 times.

    Defaults: 30 % slower; warns and never stops a run.

    Source: 8.7 % of 265 published object-detection logs are that much slower for so long; between start and
    end of a run step times drift by 0.85 to 1.3 times (5th and 95th percentile).

    Wrong when: work a sample grows by design (higher resolution, a longer context, unfrozen layers).
    """

    about = About(
        id="throughput_drop", family="performance", kinds=frozenset(("metrics",)), clear_after=20,
        graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._measure = ""
        self._early: list[float] = []
        self._early_waits: list[float] = []
        self._base = 0.0
        self._limit = float("inf")
        self._slow = Majority(WINDOW)
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._waits: deque[float] = deque(maxlen=WINDOW)
        self._streak = 0
        self._since = (0, 0.0)
        """Step and time of the streak's first point."""
        self._now = 0.0

    def update(self, point: Point) -> bool:
        values = point.values
        if not self._measure:
            self._measure = next((name for name in MEASURES if name in values), "")
        value = values.get(self._measure)
        if value is None:
            return False
        cost = value if self._measure == STEP_TIME else (1 / value if value > 0 else float("inf"))
        wait = values.get(DATA_TIME)
        if len(self._early) < BASELINE:
            self._learn(cost, wait)
            return False
        self._slow.take(cost > self._limit)
        self._recent.append(cost)
        if wait is not None:
            self._waits.append(wait)
        if not (self._slow.holds and self._slow.full):
            self._streak = 0
            self._limit = SLOWER * self._base
            return True
        self._streak += 1
        if self._streak == LASTING:
            self._limit = STILL_SLOWER * self._base
        if self._streak == 1:
            self._since = (point.step, point.t)
        self._now = point.t
        return True

    def _learn(self, cost: float, wait: float | None) -> None:
        if not 0 < cost < float("inf"):
            return
        self._early.append(cost)
        if wait is not None:
            self._early_waits.append(wait)
        if len(self._early) == BASELINE:
            self._base = median(self._early)
            self._limit = SLOWER * self._base

    def skim(self, block: Block) -> bool:
        if not self._measure:
            return not any(len(block.values(name)) for name in MEASURES)
        column = block.columns.get(self._measure)
        if column is None:
            return True
        if self._streak or len(self._early) < BASELINE:
            return False
        there = ~is_absent(column)
        values = column[there]
        with np.errstate(divide="ignore", over="ignore"):
            costs = values
            if self._measure != STEP_TIME:
                costs = np.where(values > 0, 1 / values, np.inf)
        if not self._slow.skim(costs > self._limit):
            return False
        self._recent.extend(costs[-WINDOW:].tolist())
        waits = block.columns.get(DATA_TIME)
        if waits is not None:
            kept = waits[there]
            self._waits.extend(kept[~is_absent(kept)][-WINDOW:].tolist())
        return True

    def finding(self) -> Finding | None:
        if self._streak < LASTING:
            return None
        step, began = self._since
        lasted = self._now - began if began > 0 else float("inf")
        if lasted < LASTING_S:
            return None
        base, now = self._base, median(list(self._recent))
        slower = now / base
        evidence = {
            "metric": self._measure, "value": self._told(now), "base": self._told(base),
            "threshold": self._told(SLOWER * base), "slower": round(slower, 3), "in_a_row": self._streak,
            "window": WINDOW,
        }  # fmt: skip
        cause = ""
        if self._waits and self._early_waits:
            before, waits = median(self._early_waits), median(list(self._waits))
            evidence |= {"data_time": waits, "data_time_base": before}
            if waits > 2 * before and waits - before > 0.3 * abs(self._step_rise(base, now)):
                cause = (
                    f" Waiting for data rose from {seconds_words(before)} to {seconds_words(waits)} a step."
                )
        return Finding(
            "warn", step,
            f"Training is {slower:.1f} times slower than at first since step {step}: {self._measure} "
            f"{number(self._told(now))}, it was {number(self._told(base))}.{cause}",
            evidence,
            "Look at the data loader" if cause else
            "Look for another job on the same GPU or disk, a GPU that is hot and throttles, a log or a list "
            "that grows with every step, swapping",
            f"a median below {STILL_SLOWER:.1f} times the first",
        )  # fmt: skip

    def _step_rise(self, base: float, now: float) -> float:
        return now - base if self._measure == STEP_TIME else 0.0

    def _told(self, cost: float) -> float:
        """A cost in the unit of the measure."""
        return cost if self._measure == STEP_TIME or not cost else 1 / cost
