"""How many charts fit, in what arrangement."""

from __future__ import annotations

from typing import Final, NamedTuple

LEAST_HEIGHT: Final = 8
_GOOD_WIDTH: Final = 50
_MOST: Final = 3
_LIKED_ASPECT: Final = 5.0
"""Cells across to cells down of a chart that reads well: a cell is about twice as high as wide."""


class Grid(NamedTuple):
    """Rows and columns of charts on one page."""

    columns: int
    rows: int

    @property
    def page(self) -> int:
        """Charts on one page."""
        return self.columns * self.rows


def choose_grid(width: int, height: int, charts: int) -> Grid:
    """The arrangement for ``charts`` charts in ``width`` x ``height`` cells.

    Among the grids that hold all of them on one page the one with the best-shaped charts; when none does,
    the largest one, and the charts are paged.
    """
    most = Grid(_between((width + 20) // _GOOD_WIDTH), _between(height // LEAST_HEIGHT))
    if charts >= most.page:
        return most
    enough = [
        Grid(columns, rows)
        for columns in range(1, most.columns + 1)
        for rows in range(1, most.rows + 1)
        if columns * rows >= charts
    ]
    return min(enough, key=lambda grid: (grid.page - charts, _bad_shape(width, height, grid)))


def _between(count: int) -> int:
    return max(1, min(_MOST, count))


def _bad_shape(width: int, height: int, grid: Grid) -> float:
    aspect = (width / grid.columns) / max(1.0, height / grid.rows)
    return max(aspect / _LIKED_ASPECT, _LIKED_ASPECT / aspect)


def pages(charts: int, grid: Grid) -> int:
    """Number of pages, at least one."""
    return max(1, -(-charts // grid.page))
