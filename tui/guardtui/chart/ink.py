"""The characters a chart is drawn with: braille dots, half blocks, or plain ASCII."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

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


def choose_ink(*, ascii_only: bool, wished: str = "", environ: Mapping[str, str] = os.environ) -> Ink:
    """ASCII where shapes can't be shown; else what GUARD_CHARTS or a person wishes (braille, block, ascii);
    else half blocks on the Linux console, whose font has no braille, and braille everywhere else."""
    if ascii_only:
        return ASCII
    wanted = environ.get("GUARD_CHARTS", "") or wished
    fitting = BLOCK if environ.get("TERM") == "linux" else BRAILLE
    return {ink.name: ink for ink in (BRAILLE, BLOCK, ASCII)}.get(wanted, fitting)


def pack(dots: NDArray[np.bool_], ink: Ink) -> Bits:
    """Dots (rows by columns, whole cells) as one set of bits a cell."""
    rows, columns = dots.shape[0] // ink.rows, dots.shape[1] // ink.columns
    cells = dots.reshape(rows, ink.rows, columns, ink.columns).transpose(0, 2, 1, 3)
    packed = np.packbits(cells.reshape(rows, columns, -1), axis=2, bitorder="little")[:, :, 0]
    return _bit_table(ink.weights)[packed]


@lru_cache(maxsize=8)
def _bit_table(weights: tuple[tuple[int, ...], ...]) -> Bits:
    """From the dots of a cell, row by row from the lowest bit on, to the bits that the ink gives them."""
    flat = [weight for row in weights for weight in row]
    order = np.arange(256)
    table = sum((order >> place & 1) * weight for place, weight in enumerate(flat))
    return np.asarray(table, np.uint8)
