"""The part of the x axis that all charts show: zoom, pan, following the end, and the cursor in it. Pure.

``None`` for a window means the whole view, in which each chart chooses its own quiet limits.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

ZOOM: Final = 2.0
"""One key press shows half as much, or twice."""
WHEEL: Final = 1.25
"""One notch of the wheel."""
PAN: Final = 0.125
"""A key press moves by this share of the window; with shift by half of it."""
PAN_FAR: Final = 0.5
_LEAD: Final = 0.125
"""A window that follows a live run jumps ahead by this share, so that most new points move nothing."""
_NARROWEST: Final = 1e-6
"""Of the whole: below it the dots of a terminal have nothing more to tell."""
_TOUCHES: Final = 1e-9


class Span(NamedTuple):
    """A stretch of the x axis; ``low <= high``."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """Its length."""
        return self.high - self.low

    def holds(self, x: float) -> bool:
        """Whether ``x`` lies in it, its ends included."""
        return self.low <= x <= self.high


class Window(NamedTuple):
    """A part of the axis that somebody chose."""

    low: float
    high: float
    follows: bool = False
    """Goes on with the newest point of a live run."""

    @property
    def span(self) -> Span:
        """The stretch it shows."""
        return Span(self.low, self.high)


def zoomed(shown: Span, whole: Span, factor: float, at: float | None, *, least: float = 0.0) -> Window | None:
    """A window ``factor`` times as narrow as what is shown; None when that would be the whole.

    ``at`` keeps its place on the screen (the pointer, the cursor). Without it the end stays when it is in
    view, for the newest points are what one looks for; else the middle. ``least`` is the narrowest window.
    """
    least = max(least, _NARROWEST * whole.width, _resolution(whole))
    width = (
        min(max(shown.width / factor, least), max(shown.width, least))
        if factor >= 1
        else shown.width / factor
    )
    if not whole.width > least or not math.isfinite(width) or width >= whole.width:
        return None
    if at is None or not shown.holds(at):
        at = whole.high if shown.high >= whole.high else shown.low / 2 + shown.high / 2
    share = (at - shown.low) / shown.width if shown.width > 0 else 0.5
    return _placed(at - share * width, width, whole)


def panned(window: Window | None, whole: Span, share: float) -> Window | None:
    """The window moved by a share of its width, never out of the data; the whole view has nowhere to go."""
    if window is None:
        return None
    width = window.span.width
    return _placed(window.low + share * width, width, whole)


def followed(window: Window | None, whole: Span) -> Window | None:
    """The window when there is more data: one that follows moves on, in jumps, once the end leaves it."""
    if window is None or not window.follows or whole.high <= window.high:
        return window
    width = window.span.width
    high = whole.high + _LEAD * width
    return Window(high - width, high, True)


def around(x: float, window: Window | None, whole: Span) -> Window | None:
    """A window in which ``x`` is in view: the one there is if it holds it; else a fifth of the whole."""
    if window is not None and window.span.holds(x):
        return window
    width = window.span.width if window is not None else whole.width / 5
    if not width > _resolution(whole):
        return None
    return _placed(x - width / 2, width, whole)


def moved_cursor(x: float, by: float, window: Window | None, whole: Span) -> tuple[float, Window | None]:
    """The cursor moved by a distance, kept to the data; the window goes along when the cursor leaves it."""
    x = min(max(x + by, whole.low), whole.high)
    if window is None or window.span.holds(x):
        return x, window
    width = window.span.width
    low = x if x < window.low else x - width
    return x, _placed(low, width, whole)


def _placed(low: float, width: float, whole: Span) -> Window:
    """A window of that width near ``low``; between the first point and a little beyond the last one."""
    low = max(min(low, whole.high + _LEAD * width - width), whole.low)
    high = low + width
    return Window(low, high, high >= whole.high - _TOUCHES * width)


def _resolution(whole: Span) -> float:
    return 64 * math.ulp(max(abs(whole.low), abs(whole.high)))
