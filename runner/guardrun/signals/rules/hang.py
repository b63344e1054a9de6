"""The training is alive and makes no progress: neither a step nor a word for far longer than usual."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.ranks_behind import RankPlaces
from guardrun.signals.words import seconds_words
from guardrun.state.status import HUNG_HARD_TIMES, hung_after

SAVING: Final = "checkpoint"
"""The phase of a save that holds up the steps."""
WINDOW: Final = 600
"""Steps whose times tell what is usual."""
EVALUATIONS: Final = 3.0
"""Times the longest evaluation that came without saying so."""
LONGEST_TICK_S: Final = 60.0
"""What one look at the clock may add: a machine that slept was not training."""
LAST_T: Final = 1e12
"""No clock says more."""
SAVES: Final = 3.0
"""Times the longest save before; a first one has no measure but the hard limit."""
FEW_GAPS: Final = 5
"""Gaps that must be known where no phases are told."""


class Hang:
    """The training is alive and makes no progress: neither a step nor a word for far longer than usual.

    Definition: within a stretch of training steps, after the first one, no event comes for ten times the
    slow step (99th percentile of the last 600), at least 300 s (``stop.hang``). Six times that (1,800 s) are
    enough in any case, unless the slow step takes a third of it. Setup, compilation before the first step and
    evaluation are no hangs, nor is an evaluation that a loop makes without saying so, of up to three times
    the longest one before. A checkpoint that is not written after 1,800 s, and after three times as long as
    the longest before, is told too (its disk may hang), but only ever as a warning: nothing is ended in the
    middle of a save. Time is what the supervisor saw pass, and a suspended machine
    counts for nothing. In a log without a supervisor's samples, a gap between two rows of training tells the
    same when it is over, as a warning. Of several ranks, silence is rank 0's; those whose last step is lower
    than others', or at one step those whose phase is another than most ranks', are named.

    Defaults: max(10 slow steps, ``stop.hang``: 300 s); warns. Until a first evaluation has come the signal
    is a warning only (what hangs may be that evaluation), and one to act on after 1,800 s.

    Source: Amazon SageMaker's StalledTrainingRule (1,800 s without a tensor); 300 s and ten slow steps are
    this product's status "hung".

    Wrong when: a step may take ten times as long as all before it, by recompilation or a stalled file system.
    """

    about = About(
        id="hang", family="performance", kinds=frozenset(("metrics", "eval", "phase", "system", "tick")),
        clear_after=1, graced=False, every_rank=True,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._longest_evaluation = 0.0
        self._longest_save = 0.0
        self._evaluated = False
        self._least = context.settings.hang
        self.reset()

    def reset(self) -> None:
        self._gaps: deque[float] = deque(maxlen=WINDOW)
        self._last = 0.0
        """When the training spoke last; 0: not yet."""
        self._step: int | None = None
        """Of its last row; None before the first."""
        self._phase = ""
        self._others = RankPlaces()
        self._clock = 0.0
        self._silent = 0.0
        self._watched = False
        """Whether the present silence was seen to pass, by ticks or samples."""
        self._clocked = False
        """Somebody sees time pass in this attempt: a gap between two rows alone is a clock that was set."""
        self._finding: Finding | None = None

    def update(self, point: Point) -> bool:
        kind = point.kind
        if kind == "tick" or kind == "system":
            return self._pass_time(point.t)
        if point.rank:
            self._others.take(point)
            return False
        was = self._finding is not None
        self._finding = None
        t = point.t
        if 0 < t < LAST_T:
            gap = t - self._last
            if gap > self._least and self._last and not self._clocked:
                self._look_back(point, gap)
            if kind == "metrics":
                if self._step is not None and gap >= 0:
                    self._gaps.append(gap)
            elif kind == "eval" and self._phase == "train" and self._last:
                self._longest_evaluation = max(self._longest_evaluation, gap)
            elif kind == "phase" and self._phase == SAVING and self._last:
                self._longest_save = max(self._longest_save, gap)
            self._last = t
        if kind == "metrics":
            self._step = point.step
        elif kind == "phase":
            self._phase = point.text
        else:
            self._evaluated = True
        self._silent = self._clock = 0.0
        self._watched = False
        return was or self._finding is not None

    def skim(self, block: Block) -> bool:
        if self._finding is not None or not len(block):
            return self._finding is None
        times = block.t
        if not ((times > 0) & (times < LAST_T)).all():
            return False
        gaps = np.diff(times, prepend=self._last)
        if not self._last or self._step is None or (gaps > self._least).any():
            return False
        self._gaps.extend(gaps[gaps >= 0][-WINDOW:].tolist())
        self._last = float(times[-1])
        self._step = int(block.step[-1])
        self._silent = self._clock = 0.0
        self._watched = False
        return True

    def _pass_time(self, t: float) -> bool:
        if not self._last or not self._clock < t < LAST_T:
            return False
        # The clock of whoever watches need not be the training's: only its own differences count.
        self._silent += min(t - self._clock, LONGEST_TICK_S) if self._watched else 0.0
        self._clock = t
        self._watched = self._clocked = True
        if self._phase == SAVING and self._silent > self._save_limit():
            self._finding = self._told_of_save()
            return True
        if self._silent <= self._least or not self._in_steps() or self._silent <= self._limit():
            return False
        self._finding = self._told(self._silent, over=False)
        return True

    def _look_back(self, point: Point, gap: float) -> None:
        """A silence that nobody watched, now that it is over."""
        goes_on = self._step is not None and point.step > self._step
        if point.kind == "metrics" and goes_on and self._in_steps() and gap > self._limit():
            self._finding = self._told(gap, over=True)

    def _in_steps(self) -> bool:
        if self._step is None:
            return False
        return self._phase == "train" or (not self._phase and len(self._gaps) >= FEW_GAPS)

    def _slow_step(self) -> float:
        return float(np.percentile(self._gaps, 99)) if self._gaps else 0.0

    def _limit(self) -> float:
        return max(hung_after(self._slow_step(), self._least), EVALUATIONS * self._longest_evaluation)

    def _save_limit(self) -> float:
        return max(HUNG_HARD_TIMES * self._least, SAVES * self._longest_save)

    def _told_of_save(self) -> Finding:
        step = self._step or 0
        return Finding(
            "warn", step,
            f"The checkpoint at step {step} has been under way for {seconds_words(self._silent)}: the disk "
            "may hang.",
            {
                "value": round(self._silent, 1), "threshold": round(self._save_limit(), 1),
                "longest_save": self._longest_save, "phase": SAVING, "last_step": step, "last_t": self._last,
            },
            "Look at the disk below the run directory (and at the stacks, which the supervisor saves in "
            "stacks/). The checkpoint before is untouched, and nothing is ended in the middle of a save "
            "unless you say so.",
            "the end of the save",
        )  # fmt: skip

    def _told(self, silent: float, *, over: bool) -> Finding:
        slow, limit = self._slow_step(), self._limit()
        sure = not over and (self._evaluated or silent > HUNG_HARD_TIMES * self._least)
        usual = f"; a slow step takes {seconds_words(slow)}" if slow else ""
        ago = "had been" if over else "has been"
        behind, places = self._others.behind(self._step or 0, self._phase) if not over else ("", {})
        evidence = {
            "value": round(silent, 1), "threshold": round(limit, 1), "slow_step": slow,
            "window": len(self._gaps), "last_step": self._step, "last_t": self._last,
            "longest_evaluation": self._longest_evaluation, "over": over, **places,
        }  # fmt: skip
        return Finding(
            "act" if sure else "warn", self._step or 0,
            f"The training {ago} silent for {seconds_words(silent)} after step {self._step}{usual}.{behind}",
            evidence,
            "Look where it waits (the Python stacks, which the supervisor saves in stacks/), then abort and "
            "resume from the last checkpoint. All ranks wait where one is stuck: look for whose stack "
            "differs" + (", first at the rank that is behind." if behind else "."),
            "the next step",
        )  # fmt: skip

    def finding(self) -> Finding | None:
        return self._finding
