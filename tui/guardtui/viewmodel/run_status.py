"""The line below the charts: which page, which axes, and how old the news is."""

from __future__ import annotations

from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, clean, line, packed, spread
from guardtui.viewmodel.chart_models import ChartOptions


def status_line(
    options: ChartOptions,
    *,
    charts: int,
    page: int,
    pages: int,
    zoomed: bool,
    offer: str,
    loading: bool,
    width: int,
    g: Glyphs,
) -> Line:
    """At the left what is shown, at the right how. ``offer``: the next rung of a stop without progress."""
    left = packed(
        (
            line((f" no progress: S goes on to {clean(offer)} " if offer else "", "danger")),
            line((f"page {page + 1} of {pages}" if pages > 1 and not zoomed else "", "text")),
            line(("one chart" if zoomed else f"{charts} charts", "dim")),
            line(("reading…" if loading else "", "dim")),
        ),
        Bit(f" {g.dot} ", "dim"),
        width,
    )
    right = packed(
        (
            line(("x ", "dim"), (options.axis, "text" if options.axis == "step" else "accent")),
            line(("y ", "dim"), ("log", "accent") if options.log_y else ("linear", "text")),
            line(("smoothed", "accent") if options.smooth else ("not smoothed", "dim")),
        ),
        Bit(f" {g.dot} ", "dim"),
        width,
    )
    return spread(left, right, width)
