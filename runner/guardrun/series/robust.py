"""Running statistics that a few wild values cannot move: median and MAD of a sliding window."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

NORMAL_MAD: Final = 1.4826
"""MAD times this estimates the standard deviation of normal noise."""


def median(values: Sequence[float]) -> float:
    """The middle value (mean of the two middle ones). Raises ValueError when empty."""
    if not values:
        raise ValueError("median of nothing")
    return _middle(sorted(values))


def scaled_mad(values: Sequence[float]) -> float:
    """Robust standard deviation: 1.4826 x the median distance from the median; 0 for fewer than two."""
    if len(values) < 2:
        return 0.0
    centre = median(values)
    return NORMAL_MAD * median([abs(value - centre) for value in values])


def mann_kendall_z(sign_sum: int, count: int) -> float:
    """Normal score of the Mann-Kendall trend test (Mann 1945, Kendall 1975), with continuity correction.

    ``sign_sum`` is the sum over all pairs i < j of sign(x_j - x_i) of ``count`` values; ties are taken as
    if there were none, which makes the score smaller in magnitude: the careful side. 0 below three values.
    """
    if count < 3 or sign_sum == 0:
        return 0.0
    variance = count * (count - 1) * (2 * count + 5) / 18
    return (sign_sum - math.copysign(1.0, sign_sum)) / math.sqrt(variance)


class RunningMedian:
    """Median and MAD of the last ``window`` finite values. ``push`` costs one insertion into a short list."""

    __slots__ = ("_order", "_recent")

    def __init__(self, window: int) -> None:
        self._recent: deque[float] = deque(maxlen=window)
        self._order: list[float] = []

    def __len__(self) -> int:
        return len(self._recent)

    def push(self, value: float) -> None:
        """Take a finite value; the oldest leaves when the window is full."""
        if len(self._recent) == self._recent.maxlen:
            del self._order[bisect_left(self._order, self._recent[0])]
        self._recent.append(value)
        insort(self._order, value)

    def values(self) -> list[float]:
        """The window's values, oldest first."""
        return list(self._recent)

    def renew(self, values: Iterable[float]) -> None:
        """Put finite values in the place of the whole window; only the last ``window`` of them stay."""
        self._recent.clear()
        self._recent.extend(map(float, values))
        self._order = sorted(self._recent)

    @property
    def median(self) -> float:
        """Raises ValueError while nothing was pushed."""
        if not self._order:
            raise ValueError("median of nothing")
        return _middle(self._order)

    @property
    def largest(self) -> float:
        """Minus infinity while nothing was pushed."""
        return self._order[-1] if self._order else -math.inf

    def scaled_mad(self) -> float:
        """Robust standard deviation of the window."""
        return scaled_mad(self._order)


def _middle(ordered: Sequence[float]) -> float:
    half, odd = divmod(len(ordered), 2)
    # Halves are added, not values: two huge values must not overflow to infinity.
    return ordered[half] if odd else ordered[half - 1] / 2 + ordered[half] / 2
