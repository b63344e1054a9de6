"""What several runs do not have alike: a table to scroll, and to page where the runs are many."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll

from guardtui.bindings import bindings_for
from guardtui.screens.board import BoardScreen
from guardtui.snapshot import Snapshot
from guardtui.text import line, spread
from guardtui.viewmodel.comparison import run_names
from guardtui.viewmodel.difference_table import difference_table
from guardtui.viewmodel.together import Roster
from guardtui.viewmodel.unfairness import facts_apart, settings_apart
from guardtui.widgets.key_bar import KeyBar
from guardtui.widgets.lines import Lines


class DifferencesScreen(BoardScreen):
    """Title, the runs' names, the table, keys."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("differences")]
    CSS = """
    DifferencesScreen #title { padding: 0 1; height: 1; margin-bottom: 1; }
    DifferencesScreen #names { padding: 0 2; }
    DifferencesScreen VerticalScroll { padding: 0 2; scrollbar-size-vertical: 1; height: 1fr; }
    """

    def __init__(self, roster: Roster) -> None:
        super().__init__()
        self._roster = roster
        self._first = self._count = 0

    def compose(self) -> ComposeResult:
        """From the top: title, names, table, keys."""
        yield Lines(id="title")
        yield Lines(id="names")
        with VerticalScroll(can_focus=False):
            yield Lines(id="table")
        yield KeyBar("differences", readonly=self.board.readonly)

    def on_mount(self) -> None:
        """Draw at once."""
        self.apply(self.board.snapshot)

    def on_resize(self, event: events.Resize) -> None:
        """Other columns may fit."""
        self.apply(self.board.snapshot)

    def apply(self, snapshot: Snapshot) -> None:
        """Compare the runs as they are in this snapshot."""
        if not self.is_mounted or not self.size.width:
            return
        views = self._roster.views(snapshot.by_path)
        names = run_names(views)
        width = self.size.width - 6
        table = difference_table(
            [names[view.path] for view in views], facts_apart(views), settings_apart(views), self._first,
            width, self.g,
        )  # fmt: skip
        self._first, self._count = table.first, table.shown
        last = table.first + table.shown
        part = f"runs {table.first + 1} to {last} of {table.runs}" if table.shown < table.runs else ""
        title = line((f"What {table.runs} runs do not have alike", "title"))
        self.query_one("#title", Lines).show([spread(title, line((part, "dim")), self.size.width - 2)])
        self.query_one("#names", Lines).show(table.head)
        self.query_one("#table", Lines).show(table.lines)

    def action_columns(self, direction: int) -> None:
        """The next runs, or those before."""
        self._first = max(0, self._first + direction * max(1, self._count))
        self.apply(self.board.snapshot)

    def action_edge(self, direction: int) -> None:
        """To the first or the last run."""
        self._first = 0 if direction < 0 else len(self._roster.paths)
        self.apply(self.board.snapshot)

    def action_scroll(self, distance: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=distance, animate=False)

    def action_close(self) -> None:
        """Back to the charts."""
        self.dismiss()
