"""A pane of text to scroll."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from guardtui.panes.pane import Pane
from guardtui.snapshot import RunView, Snapshot
from guardtui.text import Line
from guardtui.widgets.lines import Lines

_WIDEST = 120


class ScrolledPane(Pane):
    """Shows the lines that ``lines_of`` makes, again with every snapshot."""

    DEFAULT_CSS = """
    ScrolledPane VerticalScroll { padding: 0 1; scrollbar-size-vertical: 1; }
    """

    def lines_of(self, view: RunView, snapshot: Snapshot, width: int) -> list[Line]:
        """Everything, fitted to ``width``; the pane scrolls."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The text."""
        with VerticalScroll(can_focus=False):
            yield Lines(id="text")

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """Draw the text."""
        width = min(_WIDEST, self.size.width - 4)
        if width > 0:
            self.query_one("#text", Lines).show(self.lines_of(view, snapshot, width))

    def action_scroll(self, distance: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=distance, animate=False)

    def action_edge(self, direction: int) -> None:
        """To the beginning or the end."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_to(y=0 if direction < 0 else scroll.max_scroll_y, animate=False)
