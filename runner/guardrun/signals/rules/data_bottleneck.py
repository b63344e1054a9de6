"""The training waits for its data more than it computes."""

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
from guardrun.signals.rules.points import DATA_TIME, STEP_TIME
from guardrun.signals.words import seconds_words

SHARE: Final = 0.5
WINDOW: Final = 50
FEWEST: Final = 20
EARLY_SHARE: Final = 0.75
"""Of fewer points than the window so many must tell the same: caches fill in a first epoch."""
LASTING_S: Final = 10.0
"""A bottleneck that has cost less is nobody's business."""

_Row = tuple[int, float, float, float]
"""Step, time, step_time, data_time."""


class DataBottleneck:
    """The training waits for its data more than it computes.

    Definition: ``data_time`` is more than half of ``step_time`` in the majority of the last 50 logged points,
    so that the median share is above one half, and has been for 10 s or more. Of 20 to 49 points at the start
    three quarters must be so.

    Defaults: a share of 0.5; warns and never stops a run.

    Source: of 265 published object-detection logs 14 % have a median share above 0.5 and 45 % one above 0.3,
    which therefore is no news.

    Wrong when: ``data_time`` holds work that is not loading, or when the host waits for data while an
    accelerator is still busy with the steps before.
    """

    about = About(
        id="data_bottleneck", family="performance", kinds=frozenset(("metrics",)), clear_after=20,
        graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._slow = Majority(WINDOW)
        self._recent: deque[_Row] = deque(maxlen=WINDOW)
        self._since: _Row | None = None
        """The oldest point of the window when the majority began to hold."""

    def update(self, point: Point) -> bool:
        waited = point.values.get(DATA_TIME)
        if waited is None:
            return False
        took = point.values.get(STEP_TIME)
        if took is None:
            return False
        self._slow.take(waited > SHARE * took)
        self._recent.append((point.step, point.t, took, waited))
        if not self._slow.holds:
            self._since = None
        elif self._since is None:
            self._since = self._recent[0]
        return True

    def skim(self, block: Block) -> bool:
        waited, took = block.columns.get(DATA_TIME), block.columns.get(STEP_TIME)
        if waited is None or took is None:
            return True
        steps, times = block.step, block.t
        both = ~(is_absent(waited) | is_absent(took))
        if not both.all():
            waited, took, steps, times = waited[both], took[both], steps[both], times[both]
        with np.errstate(over="ignore"):
            if not self._slow.skim(waited > SHARE * took):
                return False
        self._since = None if len(took) else self._since
        newest = [column[-WINDOW:].tolist() for column in (steps, times, took, waited)]
        for step, t, whole, part in zip(*newest, strict=True):
            self._recent.append((int(step), t if t == t else 0.0, whole, part))
        return True

    def finding(self) -> Finding | None:
        slow, since = self._slow, self._since
        if since is None or len(slow) < FEWEST:
            return None
        if not slow.full and slow.count < EARLY_SHARE * len(slow):
            return None
        took = median([row[2] for row in self._recent])
        waited = median([row[3] for row in self._recent])
        spent = self._span(since, took)
        if spent < LASTING_S or not 0 < took < float("inf"):
            return None
        share = median([row[3] / row[2] for row in self._recent if row[2] > 0])
        gain = 1 / max(1 - share, 0.05)
        first = since[0]
        return Finding(
            "warn", first,
            f"Since step {first} {share:.0%} of the time went into waiting for data "
            f"({seconds_words(waited)} of {seconds_words(took)} a step).",
            {"metric": DATA_TIME, "value": round(share, 3), "threshold": SHARE, "window": len(slow),
             "above": slow.count, "data_time": waited, "step_time": took, "seconds": round(spent, 1)},
            f"Without the wait steps would be up to {gain:.1f} times as fast: more loader workers "
            "(num_workers, persistent_workers, prefetch_factor), decoded or cached data, a local disk.",
            f"a share below {SHARE:.0%} in the majority of {WINDOW} points",
        )  # fmt: skip

    def _span(self, since: _Row, took: float) -> float:
        """Seconds of training since then, by the log's clock, else by its steps."""
        last = self._recent[-1]
        seconds = last[1] - since[1] if since[1] > 0 else (last[0] - since[0]) * took
        return seconds if 0 <= seconds < float("inf") else 0.0
