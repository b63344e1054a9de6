"""Textual composes a partial update from every row of every widget that lies anywhere between the uppermost
and the lowest change (``Compositor._get_renders``, still so in 8.2): a header and a chart that changed cost
as much as the whole screen. Here only the widgets and rows are asked for in which something changed."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip

_composing: ContextVar[tuple[Compositor | None, tuple[Region, ...]]] = ContextVar(
    "composing", default=(None, ())
)
"""Which screen's partial update is composed, and where it changed; a screen below it is rendered whole."""
_whole_renders: Final = Compositor._get_renders
_partial_update: Final = Compositor.render_partial_update


def install() -> None:
    """Replace the composing of partial updates. Calling it again changes nothing."""
    Compositor.render_partial_update = _render_partial_update  # type: ignore[method-assign]
    Compositor._get_renders = _get_renders  # type: ignore[method-assign]


def _render_partial_update(self: Compositor) -> ChopsUpdate | None:
    token = _composing.set((self, tuple(self._dirty_regions)))
    try:
        return _partial_update(self)
    finally:
        _composing.reset(token)


def _get_renders(
    self: Compositor, crop: Region | None = None
) -> Iterable[tuple[Region, Region, list[Strip]]]:
    composed, changed = _composing.get()
    if self is not composed:
        yield from _whole_renders(self, crop)
        return
    for widget, (region, clip) in self.visible_widgets.items():
        seen = region.intersection(clip)
        touched = [each for each in changed if each.overlaps(seen)] if seen else []
        if touched:
            top = max(seen.y, min(each.y for each in touched))
            bottom = min(seen.bottom, max(each.bottom for each in touched))
            part = Region(seen.x, top, seen.width, bottom - top)
            inside = part.translate((-region.x, -region.y))
            yield part, part, widget.render_lines(inside)
