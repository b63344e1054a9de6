"""What is shown of the charts, and how, in words: for the line above the keys. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, clean, line, packed, shorten
from guardtui.viewmodel.chart_source import place_words
from guardtui.viewmodel.chart_view import ChartView, Page
from guardtui.viewmodel.timeline import Axis
from guardtui.viewmodel.x_window import Span

_LONGEST_FILTER = 24


@dataclass(frozen=True, slots=True)
class Reading:
    """What is at the cursor or under the mouse."""

    places: Sequence[str]
    """On each axis: "step 240", "epoch 2.40"."""
    marks: Sequence[str]
    """What happened near it."""


def charts_status(
    view: ChartView, page: Page, *, whole: Span | None, reading: Reading | None, clipped: int, live: bool,
    width: int, g: Glyphs,
) -> Line:  # fmt: skip
    """The most needed first, as much as fits: where one reads, which part, which page, which axes.

    ``whole``: the extent of the data; ``clipped``: points that lie outside the axes on purpose.
    """
    options = view.options
    return packed(
        (
            line((shorten(page.problem, 40), "warn")),
            *_reading(reading),
            _filter(view, page),
            _part(view, whole, live=live),
            _where(view, page),
            line(("x ", "dim"), (options.axis, "accent")) if options.axis != "step" else (),
            line(("log y" if options.log_y else "", "accent")),
            line((f"smoothed {options.weight:g}" if options.smooth else "", "accent")),
            _clipped(clipped) if options.clip else (),
            line((f"{page.grid.columns} columns" if view.columns and not view.full else "", "dim")),
        ),
        Bit(f" {g.dot} ", "dim"),
        width,
    )


def _reading(reading: Reading | None) -> list[Line]:
    if reading is None:
        return []
    places = [
        line((place, "strong" if number == 0 else "text")) for number, place in enumerate(reading.places)
    ]
    return [*places, *(line((shorten(clean(mark), 36), "accent")) for mark in reading.marks)]


def _filter(view: ChartView, page: Page) -> Line:
    if not view.words or page.problem:
        return ()
    words = shorten(clean(view.words), _LONGEST_FILTER)
    return line((f"{len(page.matching)} of {page.total} with ", "text"), (f"“{words}”", "accent"))


def _part(view: ChartView, whole: Span | None, *, live: bool) -> Line:
    """Which part of the axis is in view, of how much."""
    if view.window is None:
        return ()
    axis = view.options.axis
    low, high = view.window.low, view.window.high
    if whole is not None:
        low, high = max(low, whole.low), min(high, whole.high)
    of = f" of {_place(axis, whole.low if axis == 'to end' else whole.high)}" if whole is not None else ""
    follows = " following" if view.window.follows and live else ""
    named = "steps to the end" if axis == "to end" else axis
    return line((f"{named} {_place(axis, low)}–{_place(axis, high)}", "accent"), (of + follows, "dim"))


def _place(axis: Axis, x: float) -> str:
    """The number alone."""
    number, _, after = place_words(axis, x).partition(" ")
    return number if axis == "to end" else after


def _where(view: ChartView, page: Page) -> Line:
    if view.full:
        return line(f"chart {page.first + 1} of {len(page.matching)}") if page.choices else ()
    return line(f"page {page.number + 1} of {page.pages}") if page.pages > 1 else ()


def _clipped(count: int) -> Line:
    """Never silently: with nothing outside it says so, too."""
    what = f"{count:,} outliers outside" if count != 1 else "1 outlier outside"
    return line((what if count else "no outliers", "warn" if count else "dim"))
