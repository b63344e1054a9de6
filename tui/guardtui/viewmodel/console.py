"""The end of a training's own output."""

from __future__ import annotations

from collections.abc import Sequence

from guardtui.text import Line, clean, fit, line


def console_lines(console: Sequence[str], width: int, height: int) -> list[Line]:
    """The last ``height`` lines, cut to ``width``; none before the first output."""
    shown = [text.rstrip() for text in console[-height:]] if height > 0 else []
    if not any(shown):
        return []
    return [fit(line((clean(text), "dim")), width) for text in shown]
