"""What comes after the present axis or smoothing when its key is pressed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from guardtui.viewmodel.timeline import Axis

WEIGHTS: Final = (0.5, 0.8, 0.9, 0.95, 0.99)
"""Of the exponential average: the larger the smoother."""


def axis_after(axis: Axis, axes: Sequence[Axis]) -> Axis:
    """The next of the axes that the data has, in a circle."""
    if axis not in axes:
        return axes[0] if axes else axis
    return axes[(axes.index(axis) + 1) % len(axes)]


def weight_after(weight: float, by: int) -> float:
    """The next stronger or weaker smoothing; stops at both ends."""
    number = min(range(len(WEIGHTS)), key=lambda number: abs(WEIGHTS[number] - weight))
    return WEIGHTS[min(max(0, number + by), len(WEIGHTS) - 1)]
