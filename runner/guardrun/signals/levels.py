"""A run's progress as a series: its evaluations, or else medians of its training losses."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from guardrun.series.robust import median
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.model import Point
from guardrun.signals.rules.points import TRAIN_LOSS
from guardrun.signals.watched import Watched

STRETCH: Final = 50
"""Training losses in one median."""


class Level(NamedTuple):
    """One value of the series, turned so that less is better."""

    value: float
    step: int
    share: float | None
    """Of the run that is over; None: its length is not known."""


class Levels:
    """Feeds on points; knows what each adds to the series.

    The series begins anew at the first evaluation that has the watched number: from then on only evaluations
    count.
    """

    __slots__ = ("_buffer", "_context", "_watched", "measured")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._watched = Watched(context)
        self._buffer: list[float] = []
        self.measured = False
        """Whether the series is of evaluations."""

    @property
    def name(self) -> str:
        """What the series is of."""
        return self._watched.name or TRAIN_LOSS

    @property
    def sign(self) -> float:
        """Minus one where more is better."""
        return self._watched.sign

    def take(self, point: Point) -> Level | None:
        """What one more point adds, if anything."""
        if point.kind == "eval":
            value = self._watched.take(point)
            if self._watched.name is not None and not self.measured:
                self.measured = True
                self._buffer.clear()
            return None if value is None else Level(value, point.step, self._context.share(point))
        if self.measured:
            return None
        loss = point.values.get(TRAIN_LOSS)
        if loss is None or not math.isfinite(loss):
            return None
        self._buffer.append(loss)
        if len(self._buffer) < STRETCH:
            return None
        level = median(self._buffer)
        self._buffer.clear()
        return Level(level, point.step, self._context.share(point))

    def peek(self, block: Block) -> tuple[list[tuple[int, Level]], list[float]]:
        """What many points of kind ``metrics`` would add, by row, and the losses that would be left over."""
        if self.measured:
            return [], []
        column = block.columns.get(TRAIN_LOSS)
        if column is None:
            return [], self._buffer
        rows = np.flatnonzero(np.isfinite(column))
        joined = self._buffer + column[rows].tolist()
        found = []
        for end in range(STRETCH, len(joined) + 1, STRETCH):
            row = int(rows[end - 1 - len(self._buffer)])
            point = block.part(row, row + 1).points()[0]
            level = median(joined[end - STRETCH : end])
            found.append((row, Level(level, point.step, self._context.share(point))))
        return found, joined[len(joined) - len(joined) % STRETCH :]

    def keep(self, left: list[float]) -> None:
        """Go on from what ``peek`` told."""
        self._buffer = left
