"""Textual's partial updates send a changed part of a row from the row's beginning
(https://github.com/Textualize/textual/issues/5625, still so in 8.2): for live curves, which change at
their right end, that is more than half of all bytes. Here both sides are cut. Neither they nor whole screens
repeat colours that hold already."""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, LayoutUpdate

from guardtui.widgets.lean import lean


def install() -> None:
    """Replace the rendering of updates. Calling it again changes nothing."""
    if ChopsUpdate.render_segments is not _render_segments:
        ChopsUpdate.render_segments = _render_segments  # type: ignore[method-assign]
        LayoutUpdate.render_segments = _render_all  # type: ignore[method-assign]


def _render_segments(self: ChopsUpdate, console: Console) -> str:
    """The escape sequences of an update: for every span the cells from x1 to x2, and nothing else."""
    sequences: list[str] = []
    for y, x1, x2 in self.spans:
        for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
            left, right = max(x, x1), min(end, x2)
            if strip is None or left >= right:
                continue
            whole = left == x and right == end
            sequences.append(Control.move_to(left, y).segment.text)
            sequences.append((strip if whole else strip.crop(left - x, right - x)).render(console))
    return lean("".join(sequences))


def _render_all(self: LayoutUpdate, console: Console) -> str:
    """The escape sequences of a whole screen."""
    rows = enumerate(self.strips, self.region.y)
    return lean(
        "".join(
            Control.move_to(self.region.x, y).segment.text + "".join(strip.render(console) for strip in row)
            for y, row in rows
        )
    )
