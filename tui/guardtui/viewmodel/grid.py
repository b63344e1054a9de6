"""How many charts fit, in what arrangement."""

from __future__ import annotations

from typing import Final, NamedTuple

LEAST_HEIGHT: Final = 8
_GOOD_WIDTH: Final = 50
_MOST: Final = 3
"""Columns and rows that are chosen by themselves: more are found less quickly than paged."""
_MOST_ROOMY: Final = 4
_ROOMY_WIDTH, _ROOMY_HEIGHT = 240, 60
"""Cells from which on a fourth column and row are as large as the three of others."""
_LIKED_ASPECT: Final = 5.0
"""Cells across to cells down of a chart that reads well: a cell is about twice as high as wide."""
_NARROWEST, _LOWEST = 26, 6
"""Cells of a chart below which a person cannot make the grid finer."""
MOST_WISHED: Final = 6
"""Columns that a person can ask for."""


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
    most = Grid(
        _between((width + 20) // _GOOD_WIDTH, _MOST_ROOMY if width >= _ROOMY_WIDTH else _MOST),
        _between(height // LEAST_HEIGHT, _MOST_ROOMY if height >= _ROOMY_HEIGHT else _MOST),
    )
    if charts >= most.page:
        return most
    enough = [
        Grid(columns, rows)
        for columns in range(1, most.columns + 1)
        for rows in range(1, most.rows + 1)
        if columns * rows >= charts
    ]
    return min(enough, key=lambda grid: (grid.page - charts, _bad_shape(width, height, grid)))


def grid_of(columns: int, width: int, height: int, charts: int) -> Grid:
    """A grid with the columns that a person wished, as far as they fit; the rows follow from the shape.

    There are never more columns or rows than the charts fill.
    """
    columns = max(1, min(columns, most_columns(width), charts))
    needed = max(1, -(-charts // columns))
    good = height / max(_LOWEST, width / columns / _LIKED_ASPECT)
    rows = max(1, min(round(good), height // _LOWEST, MOST_WISHED, needed))
    return Grid(columns, rows)


def most_columns(width: int) -> int:
    """The most columns that are still charts."""
    return max(1, min(MOST_WISHED, width // _NARROWEST))


def _between(count: int, most: int) -> int:
    return max(1, min(most, count))


def _bad_shape(width: int, height: int, grid: Grid) -> float:
    aspect = (width / grid.columns) / max(1.0, height / grid.rows)
    return max(aspect / _LIKED_ASPECT, _LIKED_ASPECT / aspect)


def pages(charts: int, grid: Grid) -> int:
    """Number of pages, at least one."""
    return max(1, -(-charts // grid.page))
