"""Everything that is wrong, or was, with its evidence."""

from __future__ import annotations

from guardtui.panes.scrolled import ScrolledPane
from guardtui.snapshot import RunView, Snapshot
from guardtui.text import Line
from guardtui.viewmodel.info import signals_section


class SignalsPane(ScrolledPane):
    """Each signal whole."""

    where = "signals"
    title = "signals"

    def lines_of(self, view: RunView, snapshot: Snapshot, width: int) -> list[Line]:
        """The worst first."""
        return signals_section(view.state, width, self.g)
