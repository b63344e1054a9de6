"""What people said about runs, in lines."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from guardrun.state.model import Remark
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, clean, line, wrapped
from guardtui.viewmodel.reach import barred
from guardtui.viewmodel.several import counted
from guardtui.viewmodel.stopping import heading


def notes(views: Sequence[RunView], width: int, room: int, g: Glyphs) -> list[Line]:
    """The newest notes that fit, oldest first; of several runs only how many have some."""
    if len(views) > 1:
        noted = sum(bool(view.state.remarks) for view in views)
        return [*_about(views, width, g), line((f"{noted} of them have notes already", "dim"))]
    lines: list[Line] = []
    for remark in reversed(views[0].state.remarks):
        rows = note_lines(remark, width)
        if lines and len(lines) + len(rows) > max(3, room - 4):
            break
        lines = rows + lines
    return [*_about(views, width, g), *(lines or [line(("no notes yet", "dim"))])]


def note_lines(remark: Remark, width: int) -> list[Line]:
    """Who said it and when, and what."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(remark.t)) if 0 < remark.t < 2**40 else ""
    return [
        line((f"{clean(remark.by)}  {when}", "dim")),
        *((Bit("  "), *row) for row in wrapped(clean(remark.text), width - 2)),
    ]


def tags(views: Sequence[RunView], width: int, g: Glyphs) -> list[Line]:
    """The tags so far; of several runs with the number of those that have each."""
    found = Counter(tag for view in views for tag in view.state.tags)
    shown = [
        f"#{clean(tag)}" + ("" if number == len(views) else f" ({number})") for tag, number in found.items()
    ]
    told = wrapped("  ".join(shown), width, "accent") if shown else [line(("no tags yet", "dim"))]
    return [*_about(views, width, g), *told]


def refusal(view: RunView, width: int) -> list[Line]:
    """Why nothing can be written."""
    return wrapped(f"This run {barred(view)}: nothing can be written to it from here.", width, "warn")


def _about(views: Sequence[RunView], width: int, g: Glyphs) -> list[Line]:
    if len(views) == 1:
        return heading(views[0], width, g)
    names = ", ".join(clean(view.state.name) or clean(view.path.name) for view in views[:3])
    others = f" and {len(views) - 3} more" if len(views) > 3 else ""
    lines = [line((counted(len(views)), "title")), *wrapped(f"{names}{others}", width, "dim")]
    out = sum(bool(barred(view)) for view in views)
    if out:
        lines += wrapped(f"{counted(out)} of them cannot be reached and are left out", width, "warn")
    return [*lines, ()]
