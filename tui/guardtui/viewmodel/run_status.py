"""The line above the keys of the run screen: its panes at the left, what the shown one shows at the right."""

from __future__ import annotations

from collections.abc import Sequence

from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, clean, joined, line, packed, spread, width_of


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
    """``offer``: the next rung of a stop without progress. For want of room panes are digits, unless what
    is said about the pane is a quiet remark: that goes first."""
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
        room = width - width_of(left) - 2
        if width_of(about) <= room or (room >= -2 and all(bit.tone == "dim" for bit in about)):
            break
    return spread(left, about, width)


def pane_at(shown: Line, x: int) -> int | None:
    """The number of the pane whose digit or word is in cell ``x`` of the status line."""
    found, place = None, 0
    for bit in shown:
        if bit.tone == "key" and bit.text.isdecimal():
            found = int(bit.text) - 1
        elif not bit.text.strip():
            found = None
        end = place + width_of((bit,))
        if place <= x < end:
            return found
        place = end
    return None


def room_beside_panes(titles: Sequence[str], shown: int, width: int) -> int:
    """Cells that are left for what is said about the pane, when the others are digits."""
    return max(0, width - width_of(_strip(titles, shown, whole=False)) - 2)


def _strip(titles: Sequence[str], shown: int, *, whole: bool) -> Line:
    """``1 charts  2 signals  3 output``."""
    parts = []
    for number, title in enumerate(titles):
        here = number == shown
        name = f" {title}" if whole or here else ""
        parts.append(line((str(number + 1), "key"), (name, "strong" if here else "dim")))
    return joined(parts, Bit("  " if whole else " "))
