"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

BLOCKS: Final = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS: Final = "_.-=+*#"


def sparkline(
    values: Sequence[float],
    width: int,
    *,
    levels: str = BLOCKS,
    nan: str = "×",
    up: str = "↑",
    down: str = "↓",
) -> str:
    """At most ``width`` characters, one for each value or for the mean of several.

    A cell in which a value was not finite shows that instead (``nan`` before ``up`` before ``down``): a NaN
    is never averaged away. A flat curve lies at the lowest level.
    """
    if width < 1 or len(values) == 0:
        return ""
    cells = np.array_split(np.asarray(values, np.float64), min(width, len(values)))
    signs = [_sign(cell, nan, up, down) for cell in cells]
    # Halved and divided first: sums and differences of the largest floats stay finite.
    heights = [
        float(np.sum(cell / 2 / cell.size)) if not sign else math.nan
        for cell, sign in zip(cells, signs, strict=True)
    ]
    finite = [height for height in heights if not math.isnan(height)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(
        sign or _level(height, low, high, levels) for height, sign in zip(heights, signs, strict=True)
    )


def _sign(cell: np.ndarray[tuple[int, ...], np.dtype[np.float64]], nan: str, up: str, down: str) -> str:
    if np.isnan(cell).any():
        return nan
    if np.isposinf(cell).any():
        return up
    return down if np.isneginf(cell).any() else ""


def _level(height: float, low: float, high: float, levels: str) -> str:
    if high <= low:
        return levels[0]
    share = (height - low) / (high - low)
    return levels[min(len(levels) - 1, int(share * len(levels)))]
