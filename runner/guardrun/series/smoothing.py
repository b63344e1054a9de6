"""Exponential averages of noisy curves. Pure.

The debiased form is the one TensorBoard draws (``resmoothDataset`` in its vz_line_chart, Apache-2.0), and
the bias correction of Adam (Kingma and Ba, 2015, arXiv:1412.6980, section 3): the average starts at zero
and is divided by ``1 - weight**n``, so that the first values aren't pulled towards a starting value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

_BLOCK = 4096
"""Values averaged at once: as many as lie in the nearest cache."""
_FADED = 1e-200
"""What weighs less than this is nothing beside any other value."""


def debiased_ema(y: Floats, weight: float) -> Floats:
    """The debiased exponential average of ``y``, of the same length.

    A non-finite value stays what it is (a NaN is evidence) and leaves the average untouched: the values
    around it are averaged as if it weren't there.

    Args:
        weight: of the past, in [0, 1): 0 returns the values themselves, 0.99 averages about 100 values.

    Raises:
        ValueError: ``weight`` is outside [0, 1).
    """
    if not 0.0 <= weight < 1.0:
        raise ValueError(f"weight must be in [0, 1), not {weight}")
    finite = np.isfinite(y)
    smooth = np.array(y, np.float64)
    values = smooth[finite]
    if values.size == 0 or weight == 0.0:
        return smooth
    smooth[finite] = _average(values, weight)
    return smooth


class Grown:
    """A column made from one that only ever gets longer: what was computed stays."""

    __slots__ = ("_count", "_room")

    def __init__(self) -> None:
        self._room: Floats = np.empty(0)
        self._count = 0

    def of(self, source: Floats, make: Callable[[Floats, int], Floats]) -> Floats:
        """The column for all of ``source``, which begins with the values of the call before; not to be
        written to. ``make`` is called with the new values and how many there were before."""
        count, size = self._count, source.size
        if size > self._room.size:
            grown = np.empty(max(size, 2 * self._room.size))
            grown[:count] = self._room[:count]
            self._room = grown
        if size > count:
            self._room[count:size] = make(source[count:], count)
            self._count = size
        return self._room[:size]


class Average:
    """The debiased exponential average of finite values that only ever get more."""

    __slots__ = ("_carried", "_column", "_weight")

    def __init__(self, weight: float) -> None:
        self._weight = weight
        self._column = Grown()
        self._carried = 0.0

    def of(self, y: Floats) -> Floats:
        """The average of all of ``y``, which begins with the values of the call before."""
        return self._column.of(y, self._go_on)

    def _go_on(self, values: Floats, before: int) -> Floats:
        biased = _biased(values, self._weight, self._carried)
        self._carried = float(biased[-1])
        return biased / _unbias(before, before + values.size, self._weight)


def _average(values: Floats, weight: float) -> Floats:
    return _biased(values, weight, 0.0) / _unbias(0, values.size, weight)


def _unbias(start: int, end: int, weight: float) -> Floats:
    """1 - weight**n for the n-th value, by -expm1(n log w): without the cancellation near w = 1."""
    unbias: Floats = -np.expm1(np.arange(start + 1, end + 1) * np.log(weight))
    return unbias


def _biased(values: Floats, weight: float, carried: float) -> Floats:
    """The average of finite values without a loop over them: sums of 2, 4, 8 … values, each made of two
    before it (W. D. Hillis and G. L. Steele, Data parallel algorithms, CACM 29, 1986). No matrices, whose
    library would take the cores that a training needs."""
    biased = (1.0 - weight) * values
    decay = weight ** np.arange(1, min(_BLOCK, values.size) + 1)
    for start in range(0, values.size, _BLOCK):
        block = biased[start : start + _BLOCK]
        reach = 1
        while reach < block.size and (faded := weight**reach) > _FADED:
            block[reach:] += faded * block[:-reach]
            reach *= 2
        block += carried * decay[: block.size]
        carried = float(block[-1])
    return biased
