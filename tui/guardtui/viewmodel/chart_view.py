"""What a person sees of many charts: which page, which chart, which part of x, with what options. Pure.

Charts are remembered by what they show, not by number, so that the chosen one stays chosen and the page
stays put while new metrics appear, names are filtered and the terminal changes its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from guardtui.viewmodel.chart_choice import Choice
from guardtui.viewmodel.chart_filter import filtered
from guardtui.viewmodel.chart_models import ChartOptions
from guardtui.viewmodel.grid import Grid, choose_grid, grid_of, most_columns, pages
from guardtui.viewmodel.x_window import Window


@dataclass(frozen=True, slots=True)
class ChartView:
    """All that keys and the mouse set."""

    options: ChartOptions = field(default_factory=ChartOptions)
    window: Window | None = None
    """The part of the x axis that every chart shows; None: all of it."""
    cursor: float | None = None
    """The x at which every chart is read; None: the cursor is off."""
    columns: int | None = None
    """Columns that the person wished; None: chosen by itself."""
    full: bool = False
    """One chart on the whole screen."""
    words: str = ""
    """The filter."""
    chosen: Choice | None = None
    """The chart that keys are about, once one was chosen."""
    anchor: Choice | None = None
    """A chart of the page to be shown; None: the first page."""


class Page(NamedTuple):
    """The charts to be drawn now."""

    choices: tuple[Choice, ...]
    grid: Grid
    number: int
    """From 0."""
    pages: int
    first: int
    """Number of the first of these charts among those that match."""
    chosen: int | None
    """Which of these charts is the chosen one."""
    matching: tuple[Choice, ...]
    """All charts that match the filter."""
    total: int
    """All charts there are."""
    problem: str = ""
    """What is wrong with the filter."""

    @property
    def subject(self) -> Choice | None:
        """The chart that a key is about: the chosen one if it is on the page, else the first."""
        if not self.choices:
            return None
        return self.choices[self.chosen if self.chosen is not None else 0]


NO_PAGE = Page((), Grid(1, 1), 0, 1, 0, None, (), 0)
"""Before there is anything to draw."""


def page_of(view: ChartView, choices: Sequence[Choice], width: int, height: int) -> Page:
    """The page of this view in a field of cells."""
    matching, problem = filtered(choices, view.words) if view.words else (list(choices), "")
    chosen = place_of(view.chosen, matching)
    if view.full:
        grid = Grid(1, 1)
    elif view.columns is not None:
        grid = grid_of(view.columns, width, height, len(matching))
    else:
        grid = choose_grid(width, height, len(matching))
    held = chosen if view.full and chosen is not None else place_of(view.anchor, matching)
    number = 0 if held is None else held // grid.page
    first = number * grid.page
    shown = tuple(matching[first : first + grid.page])
    inside = chosen - first if chosen is not None and 0 <= chosen - first < len(shown) else None
    total = pages(len(matching), grid)
    return Page(shown, grid, number, total, first, inside, tuple(matching), len(choices), problem)


def place_of(choice: Choice | None, choices: Sequence[Choice]) -> int | None:
    """Where a chart is now, though curves may have joined it since; None when it is gone."""
    if choice is None:
        return None
    names = {line.name for line in choice.lines}
    tests = (
        lambda other: other == choice,
        lambda other: (other.title, other.kind) == (choice.title, choice.kind),
        lambda other: any(line.name in names for line in other.lines),
    )
    found = (number for test in tests for number, other in enumerate(choices) if test(other))
    return next(found, None)


def turned(view: ChartView, page: Page, distance: int) -> ChartView:
    """Another page, or another chart when one fills the screen; stops at both ends."""
    number = min(max(0, page.number + distance), page.pages - 1)
    if number == page.number or not page.matching:
        return view
    first = page.matching[number * page.grid.page]
    return replace(view, anchor=first, chosen=first if view.full or view.chosen is not None else None)


def stepped(view: ChartView, page: Page, distance: int) -> ChartView:
    """The chart after the chosen one or before it, in a circle; the first key press chooses one."""
    if not page.matching:
        return view
    if page.chosen is not None:
        number = (page.first + page.chosen + distance) % len(page.matching)
    else:
        number = page.first if distance > 0 else page.first + len(page.choices) - 1
    return picked(view, page.matching[number])


def picked(view: ChartView, choice: Choice) -> ChartView:
    """This chart is the chosen one, and its page is shown."""
    return replace(view, chosen=choice, anchor=choice)


def enlarged(view: ChartView, page: Page) -> ChartView:
    """One chart on the whole screen, or all again on the page where it is."""
    if page.subject is None:
        return replace(view, full=False)
    return replace(picked(view, page.subject), full=not view.full)


def with_columns(view: ChartView, page: Page, by: int, width: int) -> ChartView:
    """More or fewer columns; past either end they are chosen by themselves again."""
    start = page.grid.columns if view.columns is None else min(view.columns, most_columns(width))
    wished = start + by
    if view.columns is None:
        wished = min(max(1, wished), most_columns(width))
    elif not 1 <= wished <= most_columns(width):
        return replace(view, columns=None, anchor=view.anchor or _first_of(page))
    return replace(view, columns=wished, anchor=view.anchor or _first_of(page))


def _first_of(page: Page) -> Choice | None:
    """What to hold on to; the first page holds by itself."""
    return page.choices[0] if page.number and page.choices else None


def with_words(view: ChartView, words: str) -> ChartView:
    """Another filter, from its first page on."""
    return view if words == view.words else replace(view, words=words, anchor=None)
