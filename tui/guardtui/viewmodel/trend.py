"""A curve in one row of block characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line


def trend(values: Sequence[float], width: int, g: Glyphs) -> Line:
    """The last values as at most ``width`` blocks: means of equal shares; NaN and infinities as a mark.

    A flat curve is drawn in the middle.
    """
    if not values or width <= 0:
        return ()
    shares = _shares(values, width)
    finite = [share for share in shares if share is not None]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    bits: list[Bit] = []
    for share in shares:
        bits.append(
            Bit(g.failed, "bad") if share is None else Bit(_block(share, low, high, g.spark), "accent")
        )
    return _merged(bits)


def _shares(values: Sequence[float], width: int) -> list[float | None]:
    count = min(width, len(values))
    shares: list[float | None] = []
    for number in range(count):
        part = values[number * len(values) // count : (number + 1) * len(values) // count]
        if all(math.isfinite(value) for value in part):
            shares.append(math.fsum(value / len(part) for value in part))
        else:
            shares.append(None)
    return shares


def _block(value: float, low: float, high: float, blocks: str) -> str:
    if high <= low:
        return blocks[len(blocks) // 2]
    return blocks[min(len(blocks) - 1, int((value - low) / (high - low) * len(blocks)))]


def _merged(bits: list[Bit]) -> Line:
    merged: list[Bit] = []
    for bit in bits:
        if merged and merged[-1].tone == bit.tone:
            merged[-1] = Bit(merged[-1].text + bit.text, bit.tone)
        else:
            merged.append(bit)
    return tuple(merged)
