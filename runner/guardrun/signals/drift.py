"""The trend of a value since its best, kept incrementally in bounded memory."""

from __future__ import annotations

from typing import Final

MOST_SAMPLES: Final = 128
"""Above this every second sample is dropped: the trend of a long drift needs no more."""


class Drift:
    """Mann-Kendall sign sum and largest single rise over the values since the best (the best included)."""

    __slots__ = ("_last", "_samples", "_stride", "count", "largest_rise", "sign_sum")

    def __init__(self) -> None:
        self.restart(None)

    def restart(self, value: float | None) -> None:
        """Begin anew at a new best."""
        self._samples: list[float] = [] if value is None else [value]
        self._stride = 1
        self._last = value
        self.count = len(self._samples)
        """Values since the best, the best included."""
        self.sign_sum = 0
        self.largest_rise = 0.0

    @property
    def sampled(self) -> int:
        """How many values the sign sum is over."""
        return len(self._samples)

    def take(self, value: float) -> None:
        """One more finite value that is no new best."""
        if self._last is not None:
            self.largest_rise = max(self.largest_rise, value - self._last)
        self._last = value
        if self.count % self._stride == 0:
            self.sign_sum += _signs(self._samples, value)
            self._samples.append(value)
        self.count += 1
        if len(self._samples) > MOST_SAMPLES:
            self._thin_out()

    def _thin_out(self) -> None:
        self._samples = self._samples[::2]
        self._stride *= 2
        self.sign_sum = sum(_signs(self._samples[:i], value) for i, value in enumerate(self._samples))


def _signs(earlier: list[float], value: float) -> int:
    return sum((value > other) - (value < other) for other in earlier)
