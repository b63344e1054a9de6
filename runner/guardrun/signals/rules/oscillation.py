"""Validation swings up and down by a large share of itself and gets nowhere."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import Final, NamedTuple

from guardrun.series.robust import mann_kendall_z, median
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.drift import Drift
from guardrun.signals.model import About, Finding, Point, Severity
from guardrun.signals.rates import learning_rate, lower_rate_advice
from guardrun.signals.rules.points import number
from guardrun.signals.train_level import TrainLevel
from guardrun.signals.watched import Watched

WINDOW: Final = 20
"""Changes from one evaluation to the next."""
SWING: Final = 0.1
"""Of the level: both changes of a reversal are at least that large."""
SHARE: Final = 0.2
"""Of the changes that are reversals."""
OF_THE_GAIN: Final = 0.04
"""The typical change beside all that was gained so far: less is noise at a small level."""
SHARED: Final = 0.35
"""Of the typical change, as a share of the level, that the training loss must show as well."""
NEW_BEST: Final = 0.01
TREND_Z: Final = 2.0
LASTING: Final = 10
"""Evaluations that show it, less those that do not."""


class _Swings(NamedTuple):
    reversals: int
    level: float
    swing: float
    """The typical change from one evaluation to the next."""
    lowest: float
    highest: float
    shared: bool
    """The training loss swings, too, or is not known."""


class Oscillation:
    """Validation swings up and down by a large share of itself, without a new best and without a trend.

    Definition: of the last 20 changes from one evaluation to the next at least a fifth reverse the one
    before, both by 10 % or more of the level (the window's median); the typical change is at least 4 % of
    all that was gained since the first evaluation (else it is noise at a small level); no evaluation of the
    window is a new best by 1 %; and there is no trend (Mann-Kendall z below 2). It tells at once and warns
    when ten evaluations more have shown this than have not, unless the training loss hardly swings (less than
    a third as much as a share of its level): then it is the noise of a small validation set.

    Defaults: 20 changes, 10 %, a fifth; warns and never stops a run.

    Source: AUTOTRAINER calls a fifth of reversals oscillating. On 2,025 published curves this warns 85 times;
    21 of them later improved their best by 1 % or more, 15 of those by 5 %. So it is advice.

    Wrong when: the validation set is tiny and no training loss is logged, or the rate is about to decay,
    which ends most oscillations.
    """

    about = About(id="oscillation", family="health", kinds=frozenset(("metrics", "eval")), clear_after=10)

    def __init__(self, context: Context) -> None:
        self._context = context
        self.reset()

    def reset(self) -> None:
        self._watched = Watched(self._context)
        self._recent: deque[tuple[int, float]] = deque(maxlen=WINDOW + 1)
        """Step and value, turned so that less is better."""
        self._first: float | None = None
        self._best = math.inf
        self._anchor = math.inf
        """The last best that was a clear one."""
        self._age = 0
        """Evaluations since then."""
        self._lasts = 0
        self._start = 0
        self._swings: _Swings | None = None
        self._lr: float | None = None
        self._train = TrainLevel()
        self._train_levels: deque[float] = deque(maxlen=WINDOW + 1)

    def update(self, point: Point) -> bool:
        self._lr = learning_rate(point.values) or self._lr
        self._train.take(point)
        if point.kind != "eval":
            return False
        if self._train.level is not None:
            self._train_levels.append(self._train.level)
        value = self._watched.take(point)
        if value is None:
            return False
        if self._first is None:
            self._first = value
        self._best = min(self._best, value)
        self._age += 1
        if value < self._anchor - NEW_BEST * abs(self._anchor) or math.isinf(self._anchor):
            self._anchor = value
            self._age = 0
        self._recent.append((point.step, value))
        self._swings = self._look() if self._age >= WINDOW else None
        self._count(self._swings is not None)
        return True

    def _count(self, swings: bool) -> None:
        if not self._age:
            self._lasts = 0
        elif not swings:
            self._lasts = max(0, self._lasts - 1)
        else:
            if not self._lasts:
                self._start = self._recent[0][0]
            self._lasts = min(self._lasts + 1, 2 * LASTING)

    def skim(self, block: Block) -> bool:
        self._train.skim(block)
        self._lr = block.last_rate() or self._lr
        return True

    def _look(self) -> _Swings | None:
        values = [value for _, value in self._recent]
        level = median(values)
        changes = [after - before for before, after in pairwise(values)]
        least = SWING * abs(level)
        reversals = sum(
            (a < 0 < b or b < 0 < a) and min(abs(a), abs(b)) >= least for a, b in pairwise(changes)
        )
        if reversals < SHARE * WINDOW:
            return None
        swing = median([abs(change) for change in changes])
        gained = (self._first or 0.0) - self._best
        if not swing >= OF_THE_GAIN * gained or not math.isfinite(swing):
            return None
        if abs(_trend(values)) >= TREND_Z:
            return None
        shared = self._train_swings(swing / abs(level) if level else math.inf)
        return _Swings(reversals, level, swing, min(values), max(values), shared)

    def _train_swings(self, swing: float) -> bool:
        """Weights that swing show in the training loss; a small validation set is noise of its own."""
        values = list(self._train_levels)
        if len(values) <= WINDOW // 2:
            return True
        own = median([abs(after - before) for before, after in pairwise(values)])
        return not own < SHARED * swing * abs(median(values))

    def finding(self) -> Finding | None:
        swings = self._swings
        if swings is None:
            return None
        sign, name = self._watched.sign, self._watched.name
        low, high = sorted((sign * swings.lowest, sign * swings.highest))
        evidence = {
            "metric": name,
            "value": swings.reversals / WINDOW,
            "threshold": SHARE,
            "window": WINDOW,
            "level": sign * swings.level,
            "noise": swings.swing,
            "lowest": low,
            "highest": high,
            "best": sign * self._best,
            "lasts": self._lasts,
            "train_swings": swings.shared,
            "lr": self._lr,
        }
        message = (
            f"{name} swings between {number(low)} and {number(high)} and has had no clearly better value "
            f"than {number(sign * self._anchor)} for {self._age} evaluations: {swings.reversals} of its last "
            f"{WINDOW} changes reverse the one before by more than {SWING:.0%}."
        )
        severity: Severity = "warn" if self._lasts >= LASTING and swings.shared else "info"
        if swings.shared:
            advice = f"If it goes on, {lower_rate_advice(self._lr)}, or raise the batch size."
        else:
            advice = "The training loss does not swing: validate on more data, or on averaged weights."
        limit = sign * (self._anchor - NEW_BEST * abs(self._anchor))
        change = f"{name} {'below' if sign > 0 else 'above'} {number(limit)}, or smaller swings"
        return Finding(severity, self._start, message, evidence, advice, change)


def _trend(values: list[float]) -> float:
    drift = Drift()
    for value in values:
        drift.take(value)
    return mann_kendall_z(drift.sign_sum, drift.sampled)
