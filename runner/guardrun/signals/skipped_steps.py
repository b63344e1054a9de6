"""How many steps mixed precision skipped of late, from whichever of its traces a log has."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Final

import numpy as np

from guardrun.signals.block import Block
from guardrun.signals.model import Point
from guardrun.signals.rules.points import GRAD_NORM, LOSS_SCALE

SKIPPED_STEPS: Final = "skipped_steps"
"""Skipped since the beginning of the run (DeepSpeed)."""
SKIPPED_SINCE: Final = "skipped_iterations"
"""Skipped since the last line of the log (Megatron-LM)."""
OVERFLOW: Final = "overflow"
"""1 for a step that was skipped."""
_TRACES: Final = (SKIPPED_STEPS, SKIPPED_SINCE, OVERFLOW, LOSS_SCALE)
"""Best first: the first that a log has is believed, and the others are ignored."""
_MOST_HALVINGS: Final = 64


class SkippedSteps:
    """Feeds on points of kind ``metrics``; knows the share of skipped steps among the last ``window``."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._trace = len(_TRACES)
        self._better: tuple[str, ...] = _TRACES
        self._total = 0.0
        self._scale: float | None = None
        self._seen: deque[tuple[int, float]] = deque()
        """Step and skipped steps until then; the oldest is the newest that is a whole window old."""

    def take(self, point: Point) -> bool:
        """Take one more point; whether its log tells of skipped steps at all."""
        values = point.values
        for place, name in enumerate(self._better):
            if name in values:
                self._trace, self._better = place, _TRACES[:place]
                self._total = 0.0
                self._seen.clear()
                break
        if self._trace == len(_TRACES):
            return False
        self._count(values)
        self._remember(point.step)
        return True

    def _count(self, values: Mapping[str, float]) -> None:
        trace = _TRACES[self._trace]
        value = values.get(trace)
        if value is None:
            return
        if trace == LOSS_SCALE:
            self._total += self._guessed(value, values.get(GRAD_NORM, 0.0))
        elif not math.isfinite(value):
            return
        elif trace == SKIPPED_STEPS:
            if value < self._total:
                self._seen.clear()  # a counter that began again
            self._total = value
        elif value > 0:
            self._total += value if trace == SKIPPED_SINCE else 1.0

    def _guessed(self, scale: float, norm: float) -> float:
        """A scale is halved for a skipped step, and the norm of that step is not finite."""
        before, self._scale = self._scale, scale
        if before is not None and 0 < scale < before < math.inf:
            return min(float(max(1, round(math.log2(before) - math.log2(scale)))), _MOST_HALVINGS)
        return 0.0 if math.isfinite(norm) else 1.0

    def _remember(self, step: int) -> None:
        seen = self._seen
        if seen and step <= seen[-1][0]:
            if step < seen[-1][0]:
                seen.clear()
            else:
                seen.pop()
        seen.append((step, self._total))
        while len(seen) > 1 and seen[1][0] <= step - self._window:
            seen.popleft()

    def skim(self, block: Block) -> bool:
        """Take many points at once if no step was skipped of late; else change nothing and return False."""
        if self._trace == len(_TRACES) and not any(name in block.columns for name in _TRACES):
            return True
        if self._trace != len(_TRACES) - 1 or any(name in block.columns for name in _TRACES[:-1]):
            return False
        scales = block.values(LOSS_SCALE)
        if self._scale is None or len(scales) != len(block) or self._seen[0][1] != self._total:
            return False
        steps = block.step
        joined = np.concatenate(([self._scale], scales))
        if not np.isfinite(joined).all() or (np.diff(joined) < 0).any() or (joined <= 0).any():
            return False
        if not np.isfinite(block.values(GRAD_NORM)).all():
            return False
        if steps[0] < self._seen[-1][0] or (np.diff(steps) < 0).any():
            return False
        self._scale = float(scales[-1])
        newest = steps[np.append(np.diff(steps) > 0, True)]
        for step in newest[-self._window - 1 :].tolist():
            self._remember(int(step))
        return True

    @property
    def any(self) -> bool:
        """Whether a step of the window was skipped."""
        return bool(self._seen) and self._seen[-1][1] > self._seen[0][1]

    @property
    def first_step(self) -> int:
        """Where the window begins."""
        return self._seen[0][0] if self._seen else 0

    @property
    def length(self) -> int:
        """How many steps the window covers."""
        return self._seen[-1][0] - self._seen[0][0] if self._seen else 0

    @property
    def skipped(self) -> float:
        """How many of them were skipped."""
        return self._seen[-1][1] - self._seen[0][1] if self._seen else 0.0

    @property
    def share(self) -> float:
        """The same as a share; 0 before a whole window was seen."""
        return min(1.0, self.skipped / self.length) if self.length >= self._window else 0.0
