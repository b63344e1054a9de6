"""A curve in one row of block characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, Tone


def trend(values: Sequence[float], width: int, g: Glyphs) -> Line:
    """The values as at most ``width`` blocks; a share that was not finite is a mark in the tone "bad"."""
    if not values:
        return ()
    from guardtui.widgets.sparkline import sparkline  # numpy: not before the first frame

    drawn = sparkline(values, width, levels=g.spark, nan=g.failed)
    tones: list[tuple[Tone, str]] = [("bad", char) if char == g.failed else ("info", char) for char in drawn]
    return tuple(
        Bit("".join(char for _, char in part), tone)
        for tone, part in groupby(tones, key=lambda each: each[0])
    )
