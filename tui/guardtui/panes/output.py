"""The training's own output."""

from __future__ import annotations

from pathlib import Path

from guardtui.panes.scrolled import ScrolledPane
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Line, line
from guardtui.viewmodel.console import console_lines

_LINES = 2000


class OutputPane(ScrolledPane):
    """The end of console.log."""

    where = "output"
    title = "output"

    def wants(self, path: Path) -> Wants:
        """Many lines of output."""
        return Wants(detail=path, console=_LINES)

    def lines_of(self, view: RunView, snapshot: Snapshot, width: int) -> list[Line]:
        """The last lines."""
        detail = snapshot.detail
        if detail is None or detail.path != view.path:
            return [line(("reading…", "dim"))]
        return console_lines(detail.console, width, _LINES) or [line(("no output yet", "dim"))]
