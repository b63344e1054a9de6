"""A curve in one row of block characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, Tone
from guardtui.widgets.sparkline import sparkline

_KEPT: Final = 96


def condensed(values: NDArray[np.float64], most: int = _KEPT) -> tuple[float, ...]:
    """At most ``most`` means of equal shares of a curve; a share with a NaN or an infinity is a NaN."""
    if len(values) > most:
        edges = np.linspace(0, len(values), most + 1).astype(np.intp)
        with np.errstate(invalid="ignore", over="ignore"):
            values = np.add.reduceat(values, edges[:-1]) / np.diff(edges)
    return tuple(float(value) if math.isfinite(value) else math.nan for value in values)


def trend(values: Sequence[float], width: int, g: Glyphs) -> Line:
    """The values as at most ``width`` blocks; a share that was not finite is a mark in the tone "bad"."""
    drawn = sparkline(values, width, levels=g.spark, nan=g.failed)
    tones: list[tuple[Tone, str]] = [("bad", char) if char == g.failed else ("info", char) for char in drawn]
    return tuple(
        Bit("".join(char for _, char in part), tone)
        for tone, part in groupby(tones, key=lambda each: each[0])
    )
