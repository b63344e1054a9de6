"""The characters a chart is drawn with: braille dots, half blocks, or plain ASCII."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]

_BRAILLE_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@dataclass(frozen=True, slots=True, eq=False)
class Ink:
    """A cell holds ``rows`` by ``columns`` dots; ``shapes[bits]`` is the character for a set of them."""

    name: str
    columns: int
    rows: int
    weights: tuple[tuple[int, ...], ...]
    """The bit of the dot in each row and column of a cell."""
    shapes: NDArray[np.str_]
    marks: Mapping[str, str]
    per_curve: str = ""
    """Characters that tell curves apart where dots can't; the envelope of a band is drawn by the first."""
    lines: Mapping[str, str] = field(default_factory=dict)


_UNICODE_MARKS = {
    "best": "★", "last": "◇", "signal": "▲", "warning": "△", "notice": "•", "stop": "■", "resume": "┊",
    "lr": "↕", "nonfinite": "×", "nan": "×", "up": "↑", "down": "↓", "over": "▴", "under": "▾",
    "cursor": "│",
}  # fmt: skip
_UNICODE_LINES = {
    "wall": "│", "wall_tick": "┤", "corner": "└", "floor": "─", "floor_tick": "┴", "swatch": "━",
    "ellipsis": "…",
}  # fmt: skip
_ASCII_MARKS = {
    "best": "*", "last": "o", "signal": "!", "warning": "?", "notice": "i", "stop": "#", "resume": ":",
    "lr": "%", "nonfinite": "X", "nan": "X", "up": "^", "down": "v", "over": "'", "under": ",",
    "cursor": "|",
}  # fmt: skip
_ASCII_LINES = {
    "wall": "|", "wall_tick": "+", "corner": "+", "floor": "-", "floor_tick": "+", "swatch": "=",
    "ellipsis": "~",
}  # fmt: skip

BRAILLE = Ink(
    "braille",
    2,
    4,
    _BRAILLE_BITS,
    np.array([" ", *(chr(0x2800 + bits) for bits in range(1, 256))]),
    _UNICODE_MARKS,
    lines=_UNICODE_LINES,
)
BLOCK = Ink("block", 1, 2, ((1,), (2,)), np.array([" ", "▀", "▄", "█"]), _UNICODE_MARKS, lines=_UNICODE_LINES)
ASCII = Ink(
    "ascii", 1, 1, ((1,),), np.array([" ", "*"]), _ASCII_MARKS, per_curve=".*+ox%@=&$s", lines=_ASCII_LINES
)


def choose_ink(*, ascii_only: bool, environ: Mapping[str, str] = os.environ) -> Ink:
    """ASCII where shapes can't be shown, half blocks on the Linux console (its font has no braille) or by
    GUARD_CHARTS=block, braille everywhere else."""
    if ascii_only:
        return ASCII
    wished = environ.get("GUARD_CHARTS", "")
    if wished == "block" or (not wished and environ.get("TERM") == "linux"):
        return BLOCK
    return BRAILLE


def pack(dots: NDArray[np.bool_], ink: Ink) -> Bits:
    """Dots (rows by columns, whole cells) as one set of bits a cell."""
    pixels = dots.view(np.uint8)
    bits = np.zeros((dots.shape[0] // ink.rows, dots.shape[1] // ink.columns), np.uint8)
    for row, weights in enumerate(ink.weights):
        for column, weight in enumerate(weights):
            bits |= pixels[row :: ink.rows, column :: ink.columns] * np.uint8(weight)
    return bits
