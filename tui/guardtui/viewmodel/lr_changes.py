"""Where a learning rate jumped: step decays and warm restarts, not the course of a smooth schedule. Pure."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from guardrun.series.store import Series

Floats = NDArray[np.float64]

FACTOR: Final = 1.5
_ISOLATED: Final = 3.0
"""A jump is so many times as large, in logarithms, as the changes in its own direction before and after it:
a warm-up's first steps and a cosine's last ones are large factors, too, but beside others like them."""
_FLOOR: Final = 1e-6
"""Of the peak: below it a rate counts as this much, so that a restart from zero is a finite jump."""
_MOST: Final = 12
_MOST_CANDIDATES: Final = 2000
"""Beyond so many the rate changes all the time, by whatever factor."""


class LrChange(NamedTuple):
    """From the step on the rate is another one."""

    step: float
    before: float
    after: float


def lr_changes(lr: Series) -> tuple[LrChange, ...]:
    """The largest jumps of a learning rate, in the order of the steps."""
    value = lr.value
    if len(value) < 3:
        return ()
    top = float(np.max(value, where=np.isfinite(value), initial=0.0))
    if top <= 0:
        return ()
    # Floored at a positive number; a NaN compares as false.
    rate = np.maximum(value, top * _FLOOR)
    with np.errstate(over="ignore"):
        jumps = (rate[1:] >= FACTOR * rate[:-1]) | (rate[1:] * FACTOR <= rate[:-1])
    jumps &= lr.attempt[1:] == lr.attempt[:-1]
    places = np.flatnonzero(jumps) + 1
    if places.size > _MOST_CANDIDATES:
        return ()
    found = []
    for index in places.tolist():
        size = _change(rate[index - 1], rate[index])
        if _is_isolated(size, rate, index) and rate[index] > top * _FLOOR:
            change = LrChange(float(lr.step[index]), float(value[index - 1]), float(value[index]))
            found.append((abs(size), change))
    largest = sorted(found, key=lambda each: -each[0])[:_MOST]
    return tuple(sorted(change for _, change in largest))


def _is_isolated(size: float, rate: Floats, index: int) -> bool:
    """Nothing is known of what came before the first point; the newest jump may stand without a successor."""
    if index < 2:
        return False
    beside = [_change(rate[index - 2], rate[index - 1])]
    if index + 1 < len(rate):
        beside.append(_change(rate[index], rate[index + 1]))
    same = [abs(each) for each in beside if each * size > 0]
    return not any(math.isnan(each) for each in beside) and abs(size) >= _ISOLATED * max(same, default=0.0)


def _change(before: float, after: float) -> float:
    return math.log(after) - math.log(before) if before > 0 and after > 0 else math.nan
