"""Textual's partial updates send a changed part of a row from the row's beginning
(https://github.com/Textualize/textual/issues/5625, still so in 8.2): for live curves, which change at
their right end, that is more than half of all bytes. Here both sides are cut."""

from __future__ import annotations

import re
from typing import Final

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate

_STYLE: Final = re.compile(r"\x1b\[[\d;]*m")
_JUMP: Final = re.compile(r"\x1b\[\d+;\d+H")
_RESET: Final = "\x1b[0m"


def install() -> None:
    """Replace the rendering of partial updates. Calling it again changes nothing."""
    if ChopsUpdate.render_segments is not _render_segments:
        ChopsUpdate.render_segments = _render_segments  # type: ignore[method-assign]


def _render_segments(self: ChopsUpdate, console: Console) -> str:
    """The escape sequences of an update: for every span the cells from x1 to x2, and nothing else."""
    sequences: list[str] = []
    for y, x1, x2 in self.spans:
        for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
            left, right = max(x, x1), min(end, x2)
            if strip is None or left >= right:
                continue
            whole = left == x and right == end
            sequences.append(Control.move_to(left, y).segment.text)
            sequences.append((strip if whole else strip.crop(left - x, right - x)).render(console))
    return without_repeats("".join(sequences))


def without_repeats(sent: str) -> str:
    """The same without colours that hold already: between two changed cells of one style only a jump is sent.

    >>> without_repeats("\x1b[1;2Hz\x1b[31;42ma\x1b[0m\x1b[1;9H\x1b[31;42mb\x1b[0m") == (
    ...     "\x1b[1;2Hz\x1b[31;42ma\x1b[1;9Hb\x1b[0m"
    ... )
    True
    """
    kept: list[str] = []
    current, ended, position = "", False, 0
    for match in _STYLE.finditer(sent):
        between, position = sent[position : match.start()], match.end()
        if ended and _JUMP.sub("", between):
            kept.append(_RESET)
            current, ended = "", False
        kept.append(between)
        style = match[0]
        if style == _RESET:
            ended = True
        elif not (ended and style == current):
            kept.append(_RESET + style if ended else style)
            current, ended = style, False
        else:
            ended = False
    kept.append(_RESET if ended else "")
    return "".join(kept) + sent[position:]
