"""A grid of characters and styles, while it is being drawn on."""

from __future__ import annotations

import numpy as np

from guardtui.chart.titles import Line


class Canvas:
    """The frame while it is being drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.chars = np.full((height, width), " ")
        self.styles = np.zeros((height, width), np.uint8)
        self.grounds = np.zeros((height, width), np.uint8)

    def copy(self) -> Canvas:
        """Another one with the same on it."""
        other = Canvas(0, 0)
        other.chars, other.styles, other.grounds = self.chars.copy(), self.styles.copy(), self.grounds.copy()
        return other

    def put(self, row: int, column: int, text: str, style: int) -> None:
        """Text from a cell on, cut at the right edge."""
        height, width = self.chars.shape
        if not 0 <= row < height or not 0 <= column < width:
            return
        text = text[: width - column]
        self.chars[row, column : column + len(text)] = list(text)
        self.styles[row, column : column + len(text)] = style

    def put_line(self, row: int, line: Line) -> None:
        """A line from the left edge on."""
        column = 0
        for text, style in line:
            self.put(row, column, text, style)
            column += len(text)
