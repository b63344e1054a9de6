"""The line above the keys of the run screen: its panes at the left, what the shown one shows at the right."""

from __future__ import annotations

from collections.abc import Sequence

from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, clean, joined, line, packed, spread, width_of
from guardtui.viewmodel.chart_models import ChartOptions


def status_line(
    titles: Sequence[str],
    shown: int,
    about: Line,
    *,
    offer: str,
    loading: bool,
    width: int,
    g: Glyphs,
) -> Line:
    """``offer``: the next rung of a stop without progress. For want of room panes are digits."""
    urgent = packed(
        (
            line((f" no progress: S goes on to {clean(offer)} " if offer else "", "danger")),
            line(("reading…" if loading else "", "dim")),
        ),
        Bit(f" {g.dot} ", "dim"),
        width,
    )
    for strip in (_strip(titles, shown, whole=True), _strip(titles, shown, whole=False)):
        left = joined((urgent, strip), Bit("  "))
        if width_of(left) + 2 + width_of(about) <= width:
            break
    return spread(left, about, width)


def _strip(titles: Sequence[str], shown: int, *, whole: bool) -> Line:
    """``1 charts  2 signals  3 output``."""
    parts = []
    for number, title in enumerate(titles):
        here = number == shown
        name = f" {title}" if whole or here else ""
        parts.append(line((str(number + 1), "key"), (name, "strong" if here else "dim")))
    return joined(parts, Bit("  " if whole else " "))


def charts_status(
    options: ChartOptions, *, charts: int, page: int, pages: int, zoomed: bool, width: int, g: Glyphs
) -> Line:
    """Which page of charts, and what their axes are when they are not the usual ones."""
    return packed(
        (
            line((f"page {page + 1} of {pages}" if pages > 1 and not zoomed else "", "text")),
            line((f"chart {page + 1} of {charts}" if zoomed else "", "text")),
            line(("x ", "dim"), (options.axis, "accent")) if options.axis != "step" else (),
            line(("log y" if options.log_y else "", "accent")),
            line(("smoothed" if options.smooth else "", "accent")),
        ),
        Bit(f" {g.dot} ", "dim"),
        width,
    )
