"""Characters that a terminal lacks, replaced where all that is drawn passes: also the toolkit's own borders.

Every replacement takes as many cells as what it stands for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_LETTERS: Final = str.maketrans({
    "…": "~", "–": "-", "—": "-", "─": "-", "━": "=", "│": "|", "┃": "|", "↑": "^", "↓": "v", "→": ">",
    "←": "<", "·": ".", "•": "*", "“": '"', "”": '"', "’": "'", "×": "x", "±": "+", "µ": "u", "∞": "8",
    "▄": "#", "▀": "#", "█": "#", "▌": "|", "▐": "|", "▎": "|", "▏": "|", "▕": "|", "▔": "-", "▁": "_",
    "▂": "_", "▃": "-", "▅": "=", "▆": "#", "▇": "#", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+",
    "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "✓": "+", "✗": "x",
    "★": "*", "◆": "@", "≥": ">", "≤": "<", "≈": "~", "≠": "#", "Δ": "d", "σ": "s", "²": "2",
})  # fmt: skip
_CONSOLE: Final = str.maketrans({
    "…": "~", "–": "-", "—": "-", "━": "═", "╭": "┌", "╮": "┐", "╰": "└", "╯": "┘", "◔": "○", "●": "•",
    "◐": "◘", "✓": "√", "✗": "x", "✖": "X", "◌": "°", "△": "!", "★": "*", "◇": "♦", "◆": "♦", "▾": "▼",
    "▸": "►", "▴": "▲", "×": "x", "┊": ":", "▁": "_", "▂": "_", "▃": "▄", "▅": "▄", "▆": "█", "▇": "█",
    "▎": "▌", "▏": "│", "▕": "│", "▔": "─", "“": '"', "”": '"', "’": "'",
})  # fmt: skip
"""The fonts of the Linux console have the shapes of code page 437."""


class Repertoire(LineFilter):
    """Replaces what the terminal can't show."""

    def __init__(self, *, letters_alone: bool) -> None:
        super().__init__()
        self._letters_alone = letters_alone

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same with characters that can be shown."""
        return [
            segment
            if segment.text.isascii()
            else Segment(shown(segment.text, self._letters_alone), *segment[1:])
            for segment in segments
        ]


@lru_cache(maxsize=4096)
def shown(text: str, letters_alone: bool) -> str:
    """Text with replacements.

    >>> shown("7 – 8 … ✓", True), shown("┃学", True), shown("● é …", False)
    ('7 - 8 ~ +', '|??', '• é ~')
    """
    if not letters_alone:
        return text.translate(_CONSOLE)
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in text.translate(_LETTERS))


def needed(*, letters_alone: bool, environ: Mapping[str, str] = os.environ) -> Repertoire | None:
    """The filter for this terminal; None: it shows all that the dashboard draws."""
    if letters_alone or environ.get("TERM") == "linux":
        return Repertoire(letters_alone=letters_alone)
    return None
