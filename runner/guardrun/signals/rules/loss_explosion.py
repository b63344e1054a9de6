"""The training loss left its level for good: it stays far above, or a burst wrecked the weights.

A single spike never raises this: big runs spike and recover. It takes a level that stays.
"""

from __future__ import annotations

import math
from typing import Any, Final

from guardrun.series.robust import RunningMedian
from guardrun.signals.bests import BestMetrics
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.excess import RECENT, WINDOW, Excess, SustainedExcess
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rates import learning_rate, lower_rate_advice
from guardrun.signals.rules.points import TRAIN_LOSS, VAL_LOSS, number

FACTOR: Final = 3.0
LASTING: Final = 50
"""Values in a row above three times the median before: 0 wrong stops in 1,731 real step-level logs."""
BEYOND_LASTING: Final = 20
"""Enough when the loss is three times worse even than before any training, and not falling."""
FAR_BEYOND: Final = 10.0
FAR_BEYOND_LASTING: Final = RECENT
"""Enough when it is ten times worse than that."""
WATCHED: Final = 10
"""From here on a person is told; nothing is done yet."""
GIVEN_BACK: Final = 0.25
"""An explosion undoes at least this share of what the training had gained (0.001 -> 0.005 does not)."""
BURST_FACTOR: Final = 100.0
"""Times the untrained loss: no healthy spike is that high; ReLU networks under an absurd learning rate are
there for a few steps and then sit at chance level for ever."""
BURST_PATIENCE: Final = 100
"""Values in which the loss may still come back from a burst."""
BURST_GAIN: Final = 0.02
"""Coming back to an untrained level is not enough: it must fall by this share of it."""

BETTER: Final = 0.01
"""Share by which a validation metric must gain to speak for a run whose loss explodes: an accuracy at chance
level moves by less."""
ESTABLISHED: Final = 3
"""Evaluations before the rise from which on a best means something: after the first anything is better."""


class LossExplosion:
    """The training loss left its level for good.

    Definition: the training loss stays above three times the running median of the 50 values before the
    rise (by more than eight times their noise, MAD, and by at least a quarter of what the training had
    gained) for 50 values in a row; twenty are enough when it is worse than three times the untrained loss
    and not falling, and ten when it is ten times worse. Or: it was a hundred times worse than untrained,
    and has not come back below the untrained level within a hundred values. From ten values on it warns;
    nothing is done yet.

    When a validation metric was at its best since the rise began, it only warns.

    Defaults: three times, 50 values in a row; aborts the run, keeps its best checkpoint.

    Source: over 1,731 published step-level logs this was wrong in 0 of 23 stops, where "2x the running mean"
    once is wrong in most. PaLM and BLOOM report spikes that recover: a single spike is no reason to stop.

    Wrong when: the loss changes its meaning by design (a new term, a curriculum), or a very large model needs
    thousands of logged values to come back (104B: about 2,000 iterations).
    """

    about = About(id="loss_explosion", family="health", kinds=frozenset(("metrics", "eval")), clear_after=10)

    def __init__(self, context: Context) -> None:
        monitor, mode = context.settings.monitor, context.settings.mode
        named = monitor is not None and monitor.startswith("val/")
        self._modes = {VAL_LOSS: "min"} | ({monitor: mode} if monitor is not None and named else {})
        self._untrained: float | None = None
        """Where the run began, from before its first resume."""
        self._begin()

    def reset(self) -> None:
        # A resumed run begins at a trained level: only the run's own beginning tells what untrained is.
        if self._untrained is None:
            self._untrained = self._excess.initial
        self._begin()

    def _begin(self) -> None:
        self._excess = SustainedExcess(FACTOR)
        self._burst: _Burst | None = None
        self._evals = 0
        self._evals_before = 0
        """Evaluations before the excess or the burst began."""
        self._bests = BestMetrics("", self._modes, BETTER)
        self._lr: float | None = None
        self._lr_at_start: float | None = None

    def update(self, point: Point) -> bool:
        if point.kind == "eval":
            self._evals += 1
            self._bests.take(point, self._evals)
            return False
        self._lr = learning_rate(point.values) or self._lr
        loss = point.values.get(TRAIN_LOSS)
        if loss is None:
            return False
        self._excess.take(point.step, loss)
        if self._excess.length == 1:
            self._lr_at_start = self._lr
            self._evals_before = self._evals
        if self._burst is not None:
            self._burst.take(loss)
            if self._burst.over:
                self._burst = None
        elif self._excess.length and loss > self._worse_than_untrained(BURST_FACTOR):
            self._burst = _Burst(point.step, loss, self._excess.base.median, self._gained())
        return True

    def skim(self, block: Block) -> bool:
        if self._burst is not None or not self._excess.skim(block.values(TRAIN_LOSS)):
            return False
        self._lr = block.last_rate() or self._lr
        return True

    def finding(self) -> Finding | None:
        if self._burst is not None and self._burst.lasting:
            return self._burst_report(self._burst)
        if self._excess.length < WATCHED:
            return None
        excess = self._excess.current()
        if excess is None or excess.value - excess.base < GIVEN_BACK * self._gained():
            return None
        return self._report(excess, self._needed(excess))

    def _needed(self, excess: Excess) -> int:
        """How many values in a row it takes to be sure."""
        if excess.recovering or excess.lowest <= self._worse_than_untrained(FACTOR):
            return LASTING
        far = excess.lowest > self._worse_than_untrained(FAR_BEYOND)
        return FAR_BEYOND_LASTING if far else BEYOND_LASTING

    def _gained(self) -> float:
        """How far the training has brought the loss down; 0 when it has not."""
        initial = self._initial()
        return 0.0 if initial is None else max(0.0, initial - self._excess.base.median)

    def _initial(self) -> float | None:
        known = [level for level in (self._untrained, self._excess.initial) if level is not None]
        return max(known, default=None)

    def _worse_than_untrained(self, factor: float) -> float:
        """``factor`` times the larger of the level at the beginning and the level before the excess."""
        base = self._excess.base.median
        initial = self._initial()
        start = base if initial is None else max(initial, base)
        return start + (factor - 1) * max(abs(start), self._excess.base.scaled_mad())

    def _report(self, excess: Excess, needed: int) -> Finding:
        evidence: dict[str, Any] = {
            "metric": TRAIN_LOSS,
            "value": excess.value,
            "base": excess.base,
            "threshold": excess.threshold,
            "in_a_row": excess.length,
            "needed": needed,
            "window": WINDOW,
            "lr": self._lr_at_start,
        }
        message = (
            f"The training loss rose from {number(excess.base)} to {number(excess.value)} at step "
            f"{excess.first_step} and has stayed there for {excess.length} values in a row."
        )
        if excess.length < needed:
            advice = "Watching: many spikes recover by themselves."
            change = f"a loss below {number(excess.threshold)} before {needed} values in a row are above it"
            return Finding("warn", excess.first_step, message, evidence, advice, change)
        change = f"{self.about.clear_after} losses in a row below {number(excess.threshold)}"
        return self._act(excess.first_step, message, evidence, change)

    def _burst_report(self, burst: _Burst) -> Finding:
        level = burst.after.median
        evidence: dict[str, Any] = {
            "metric": TRAIN_LOSS,
            "value": level,
            "base": burst.base,
            "threshold": burst.recovered_below,
            "peak": burst.peak,
            "in_a_row": burst.age,
            "needed": BURST_PATIENCE,
            "window": WINDOW,
            "lr": self._lr_at_start,
        }
        message = (
            f"The training loss burst from {number(burst.base)} to {number(burst.peak)} at step "
            f"{burst.first_step} and has not come back since: it stays at {number(level)}."
        )
        change = f"a median of {WATCHED} losses below {number(burst.recovered_below)}"
        return self._act(burst.first_step, message, evidence, change)

    def _act(self, first_step: int, message: str, evidence: dict[str, Any], change: str) -> Finding:
        """A rising loss alone is no reason to stop a run whose validation is better than ever since."""
        established = self._evals_before >= ESTABLISHED
        better = self._bests.better_after(self._evals_before) if established else ""
        if better:
            evidence["improved"] = better
            advice = f"Not stopped: {better} was at its best since; does the loss still count what you want?"
            return Finding("warn", first_step, message, evidence, advice, change)
        return Finding("act", first_step, message, evidence, self._advice(first_step), change)

    def _advice(self, first_step: int) -> str:
        return (
            f"Abort. Resume from a checkpoint before step {first_step}, or start again; "
            f"{lower_rate_advice(self._lr_at_start)}, clip gradients at 1.0, or warm up longer."
        )


class _Burst:
    """What became of the loss after it was a hundred times worse than untrained."""

    __slots__ = ("_learning", "_level", "after", "age", "base", "first_step", "peak", "recovered_below")

    def __init__(self, step: int, value: float, base: float, gained: float) -> None:
        self.first_step = step
        self.base = base
        self.peak = value
        self.age = 1
        self.after = RunningMedian(WINDOW)
        self._level = math.inf
        """Median of the last whole window."""
        self._learning = False
        """Whether it was clearly lower than that of the window before."""
        self.recovered_below = base + GIVEN_BACK * gained - BURST_GAIN * abs(base)

    def take(self, value: float) -> None:
        if math.isnan(value):
            return
        self.age += 1
        self.peak = max(self.peak, value)
        self.after.push(min(value, 1e308))
        if self.age % WINDOW == 0:
            level = self.after.median
            self._learning = level < self._level - BURST_GAIN * abs(level)
            self._level = level

    @property
    def over(self) -> bool:
        return len(self.after) >= WATCHED and self.after.median < self.recovered_below

    @property
    def lasting(self) -> bool:
        """It had its time to come back, learns no more, and was a burst beside what followed, too: the values
        before it may have been lucky."""
        if self.age < BURST_PATIENCE or self._learning:
            return False
        level = self.after.median
        return self.peak > level + (BURST_FACTOR - 1) * abs(level)
