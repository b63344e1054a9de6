"""Widgets that are gone let go of what they drew.

The toolkit remembers styles by colours *and* by the widget's own store of drawn rows, in one cache for all
widgets (https://github.com/Textualize/textual/issues/6665, still so in 8.2): a thousand stores outlive their
widgets. In a tall terminal that was two megabytes for each run that somebody opened.
"""

from __future__ import annotations

from functools import lru_cache

from textual._styles_cache import StylesCache
from textual.color import Color
from textual.style import Style


def install() -> None:
    """Remember the styles by the colours alone. Calling it again changes nothing."""
    if StylesCache.get_inner_outer is not _inner_outer:
        StylesCache.get_inner_outer = staticmethod(_inner_outer)  # type: ignore[assignment]


@lru_cache(1024)
def _inner_outer(base_background: Color, background: Color) -> tuple[Style, Style]:
    """The style within a widget's border, and around it."""
    return Style(background=base_background + background), Style(background=base_background)
