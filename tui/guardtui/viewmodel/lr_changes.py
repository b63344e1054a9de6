"""Where a learning rate jumped: step decays and warm restarts, not the course of a smooth schedule. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from guardrun.series.store import Series

FACTOR: Final = 1.5
_ISOLATED: Final = 3.0
"""A jump is so many times as large, in logarithms, as the changes in its own direction before and after it:
a warm-up's first steps and a cosine's last ones are large factors, too, but beside others like them."""
_FLOOR: Final = 1e-6
"""Of the peak: below it a rate counts as this much, so that a restart from zero is a finite jump."""
_MOST: Final = 12
_PART: Final = 1 << 16
"""Points looked at together, so that a long run's rates stay in the processor's cache."""
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
    floor = top * _FLOOR
    places = [place for start in range(0, len(value), _PART) for place in _candidates(lr, start, floor)]
    if len(places) > _MOST_CANDIDATES:
        return ()
    found = []
    for index in places:
        beside = [float(rate) for rate in np.maximum(value[max(0, index - 2) : index + 2], floor)]
        at = min(index, 2)
        size = _change(beside[at - 1], beside[at])
        if _is_isolated(size, beside, at) and beside[at] > floor:
            change = LrChange(float(lr.step[index]), float(value[index - 1]), float(value[index]))
            found.append((abs(size), change))
    largest = sorted(found, key=lambda each: -each[0])[:_MOST]
    return tuple(sorted(change for _, change in largest))


def _candidates(lr: Series, start: int, floor: float) -> list[int]:
    """Points of one part that differ by the factor from the point before; a NaN compares as false."""
    part = slice(max(0, start - 1), start + _PART)
    rate, attempt = np.maximum(lr.value[part], floor), lr.attempt[part]
    with np.errstate(over="ignore"):
        jumps = (rate[1:] >= FACTOR * rate[:-1]) | (rate[1:] * FACTOR <= rate[:-1])
    jumps &= attempt[1:] == attempt[:-1]
    found: list[int] = (np.flatnonzero(jumps) + part.start + 1).tolist()
    return found


def _is_isolated(size: float, rate: Sequence[float], index: int) -> bool:
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
