"""A long curve as few numbers, for a sparkline."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_KEPT: Final = 96


def condensed(values: NDArray[np.float64], most: int = _KEPT) -> tuple[float, ...]:
    """At most ``most`` means of equal shares of a curve; a share with a NaN or an infinity is a NaN."""
    if len(values) > most:
        edges = np.linspace(0, len(values), most + 1).astype(np.intp)
        with np.errstate(invalid="ignore", over="ignore"):
            values = np.add.reduceat(values, edges[:-1]) / np.diff(edges)
    return tuple(float(value) if math.isfinite(value) else math.nan for value in values)
