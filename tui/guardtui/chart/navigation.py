"""Zooming and panning of the visible steps, for keys and wheels. Pure."""

from __future__ import annotations

Window = tuple[float, float]


def zoomed(window: Window, full: Window, factor: float, *, around: float | None = None) -> Window | None:
    """The window ``factor`` times as wide, held within ``full``.

    Args:
        window: what is visible now.
        full: all there is; a window as wide as that is none.
        factor: below 1 zooms in, above 1 out.
        around: the x that stays where it is; None: the newest end when that is visible, else the middle.

    Returns:
        The new window; None when everything is visible again.
    """
    low, high = window
    if around is None:
        around = high if high >= full[1] else low / 2 + high / 2
    around = min(max(around, low), high)
    least = (full[1] - full[0]) / 10_000
    width = max((high - low) * factor, least)
    if width >= (full[1] - full[0]) * (1 - 1e-9):
        return None
    share = (around - low) / (high - low) if high > low else 0.5
    return _held((around - share * width, around + (1 - share) * width), full)


def panned(window: Window, full: Window, share: float) -> Window:
    """The window moved by ``share`` of its width (negative: to earlier steps), held within ``full``."""
    move = (window[1] - window[0]) * share
    return _held((window[0] + move, window[1] + move), full)


def moved_readout(readout: float | None, window: Window, share: float) -> float:
    """A cursor moved by ``share`` of the window's width; it enters at the newest end."""
    if readout is None:
        return window[1]
    return min(max(readout + (window[1] - window[0]) * share, window[0]), window[1])


def _held(window: Window, full: Window) -> Window:
    low, high = window
    width = high - low
    if low < full[0]:
        return full[0], min(full[0] + width, full[1])
    if high > full[1]:
        return max(full[1] - width, full[0]), full[1]
    return window
