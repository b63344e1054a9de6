"""The user's own limit: so many evaluations without a better monitor, and the run may end."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final, NamedTuple

from guardrun.signals.context import Context
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import number

REMEMBERED: Final = 512
"""Evaluations that a resume may go back over."""


class _Count(NamedTuple):
    """Where patience stands after an evaluation."""

    step: int = -1
    best: float | None = None
    best_step: int = 0
    reference: float | None = None
    """The last improvement by more than min_delta."""
    reference_step: int = 0
    waited: int = 0
    value: float = math.nan


class Patience:
    """The monitor has not improved for as many evaluations as the user allowed.

    Definition: an evaluation is an improvement when its monitor is finite and better than at the last
    improvement by more than ``stop.min_delta``. When ``stop.patience`` evaluations in a row are none, the
    run may end. It is what the training library does by itself; here it holds for every other log as well.
    A resume goes on counting from the checkpoint's step.

    Defaults: off (no patience is set); stops the run, keeps its best checkpoint.

    Source: the early stopping of Keras, Lightning and Hugging Face. It is the user's choice and not guard's:
    over 3,814 published runs a patience of 3 stops 65 %, of which 67 % would later have improved by 1 % or
    more; a patience of 10 is wrong in 33 % of its stops and one of 20 in 20 %.

    Wrong when: patience is shorter than the plateaus of the problem, than a learning-rate period, or when
    validation is noisy: a lucky value is hard to beat.
    """

    about = About(id="patience", family="limits", kinds=frozenset(("eval",)), clear_after=1, graced=False)

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._monitor = settings.monitor
        self._mode = settings.mode
        self._patience = settings.patience
        self._min_delta = abs(settings.min_delta)
        self._now = _Count()
        self._history: deque[_Count] = deque(maxlen=REMEMBERED)
        self._resumed = False

    def reset(self) -> None:
        # Nothing is forgotten yet: only the step of the next evaluation tells how far the resume went back.
        self._resumed = True

    def update(self, point: Point) -> bool:
        if self._patience is None or self._monitor is None:
            return False
        value = point.values.get(self._monitor)
        if value is None:
            return False
        if self._resumed:
            self._go_back(point.step)
        self._now = self._judged(self._now, point.step, value)
        self._history.append(self._now)
        return True

    def _go_back(self, step: int) -> None:
        self._resumed = False
        while self._history and self._history[-1].step >= step:
            self._history.pop()
        self._now = self._history[-1] if self._history else _Count()

    def _judged(self, before: _Count, step: int, value: float) -> _Count:
        finite = math.isfinite(value)
        best, best_step = before.best, before.best_step
        if finite and (best is None or self._gain(value, best) > 0):
            best, best_step = value, step
        reference = before.reference
        if finite and (reference is None or self._gain(value, reference) > self._min_delta):
            return _Count(step, best, best_step, value, step, 0, value)
        return _Count(step, best, best_step, reference, before.reference_step, before.waited + 1, value)

    def _gain(self, value: float, reference: float) -> float:
        return reference - value if self._mode == "min" else value - reference

    def finding(self) -> Finding | None:
        now, patience = self._now, self._patience
        if patience is None or now.waited < patience:
            return None
        evidence: dict[str, Any] = {
            "metric": self._monitor,
            "value": now.value,
            "threshold": patience,
            "window": now.waited,
            "best": now.best,
            "best_step": now.best_step,
            "min_delta": self._min_delta,
            "evaluations_without_improvement": now.waited,
        }
        if now.best is None or now.reference is None:
            message = f"{self._monitor} has not been a finite number in any of {now.waited} evaluations."
            advice = "Stop, as you asked; find out why the monitor is never finite."
            return Finding("act", now.step, message, evidence, advice, f"a finite {self._monitor}")
        by = f" by more than {number(self._min_delta)}" if self._min_delta else ""
        message = (
            f"{self._monitor} has not improved{by} for {now.waited} evaluations (your patience: {patience}). "
            f"It is {number(now.value)}; its best was {number(now.best)} at step {now.best_step}."
        )
        advice = f"Stop, as you asked, and keep the checkpoint of step {now.best_step}."
        side = "below" if self._mode == "min" else "above"
        limit = now.reference + (-self._min_delta if self._mode == "min" else self._min_delta)
        change = f"{self._monitor} {side} {number(limit)} at the next evaluation"
        return Finding("act", now.reference_step, message, evidence, advice, change)
