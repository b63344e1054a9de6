"""Where a run comes from: configuration, code, data, seeds, environment."""

from __future__ import annotations

from guardtui.panes.scrolled import ScrolledPane
from guardtui.snapshot import RunView, Snapshot
from guardtui.text import Line
from guardtui.viewmodel.info import info_lines


class OriginPane(ScrolledPane):
    """Everything that is recorded about the run."""

    where = "origin"
    title = "origin"

    def lines_of(self, view: RunView, snapshot: Snapshot, width: int) -> list[Line]:
        """Section by section."""
        return info_lines(view, width, self.g)
