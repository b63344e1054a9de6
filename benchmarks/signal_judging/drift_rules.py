"""Simple overfitting rules of growing care, for the frontier of what is caught against false alarms.

They are none of the product's: each is a handful of lines, with the numbers in its name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from benchmarks.signal_judging.baselines import BASELINES, Stopper

WINDOW: Final = 6
AGE: Final = 8
TRAIN_BELOW: Final = 0.95
DRIFT_WINDOW: Final = 5
DRIFT_AGE: Final = 10
LARGEST_JUMP: Final = 0.10
CLEAR_TREND: Final = 3.0


def robust_rise(rise: float, in_a_row: int) -> Stopper:
    """Medians of 6: val above best by ``rise``, best 8 evaluations old, train below 0.95 of that at best.

    Stops when this holds ``in_a_row`` evaluations in a row.
    """

    def stop(train: Sequence[float], val: Sequence[float]) -> int | None:
        best, at, held = math.inf, 0, 0
        for index in range(len(val)):
            level = _level(val, index, WINDOW)
            if level < best:
                best, at = level, index
            holds = (
                index - at >= AGE
                and level >= best + rise * abs(best)
                and _level(train, index, WINDOW) < TRAIN_BELOW * _level(train, at, WINDOW)
            )
            held = held + 1 if holds else 0
            if held >= in_a_row:
                return index
        return None

    return stop


def smooth_drift(rise: float) -> Stopper:
    """Median of 5 val above best by ``rise``, best 10 old, train lower, trend z > 3, no jump above 10 %."""

    def stop(train: Sequence[float], val: Sequence[float]) -> int | None:
        best, at, jump, signs = math.inf, 0, 0.0, 0
        for index, value in enumerate(val):
            if value < best:
                best, at, jump, signs = value, index, 0.0, 0
                continue
            since = val[at:index]
            jump = max(jump, value - val[index - 1])
            signs += sum((value > other) - (value < other) for other in since)
            if (
                index - at >= DRIFT_AGE
                and jump <= LARGEST_JUMP * abs(best)
                and _level(val, index, DRIFT_WINDOW) >= best + rise * abs(best)
                and _level(train, index, DRIFT_WINDOW) < _level(train, at, DRIFT_WINDOW)
                and _trend(signs, index - at + 1) > CLEAR_TREND
            ):
                return index
        return None

    return stop


def _level(values: Sequence[float], index: int, window: int) -> float:
    """Median of the newest values, nan when one isn't finite."""
    newest = values[max(0, index + 1 - window) : index + 1]
    return median(newest) if all(map(math.isfinite, newest)) else math.nan


def _trend(signs: int, count: int) -> float:
    """Mann-Kendall's z from the sum of signs of all pairs."""
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return (signs - math.copysign(1, signs)) / spread if signs else 0.0


SIMPLE_RULES: Final[Mapping[str, Stopper]] = {
    **BASELINES,
    "rise 5 %, 3 in a row": robust_rise(0.05, 3),
    "rise 10 %, 3 in a row": robust_rise(0.10, 3),
    "rise 15 %, 5 in a row": robust_rise(0.15, 5),
    "rise 25 %, 5 in a row": robust_rise(0.25, 5),
    "smooth drift 5 %": smooth_drift(0.05),
    "smooth drift 10 %": smooth_drift(0.10),
}
"""The published baselines and these."""
