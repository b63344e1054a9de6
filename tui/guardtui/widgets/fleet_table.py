"""The list of runs: keeps the selection on its run while runs come, go and move."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from pathlib import Path
from typing import Any

from textual import events
from textual.message import Message

from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Line
from guardtui.viewmodel import fleet
from guardtui.viewmodel.grouping import Group
from guardtui.viewmodel.listing import Listed, Row, Wish
from guardtui.widgets.lines import Lines

_MOST_KEPT = 400


class FleetTable(Lines):
    """A header and as many rows as fit; the selected one is always in view."""

    DEFAULT_CSS = """
    FleetTable { height: 1fr; padding: 0 1; }
    """

    class Highlighted(Message):
        """Another row was selected."""

    class Opened(Message):
        """The selected row is to be opened."""

    class HeadClicked(Message):
        """The head of a column was clicked."""

        def __init__(self, title: str) -> None:
            super().__init__()
            self.title = title

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._g = glyphs
        self._listed = Listed()
        self._wish = Wish()
        self._chosen: Collection[Path] = ()
        self._wished: tuple[Sequence[str], Collection[str]] = ((), ())
        self._placer = fleet.Placer()
        self._columns: tuple[fleet.Placed, ...] = ()
        self._made: dict[Hashable, tuple[Any, Line]] = {}
        self._cursor = 0
        self._offset = 0

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._listed.rows[self._cursor] if self._listed.rows else None

    @property
    def selected(self) -> RunView | None:
        """The run under the cursor; None on the head of a group."""
        return self.row if isinstance(self.row, RunView) else None

    def show_runs(
        self,
        listed: Listed,
        wish: Wish,
        *,
        chosen: Collection[Path] = (),
        columns: tuple[Sequence[str], Collection[str]] = ((), ()),
    ) -> None:
        """Draw these rows; the selection stays on its run where that is still listed. ``columns``: their
        order as it is wished, and those that are left out."""
        old = self.row
        self._listed, self._wish = listed, wish
        self._chosen, self._wished = chosen, columns
        self._cursor = self._place_of(old)
        self._draw()

    def _place_of(self, old: Row | None) -> int:
        """Where the row that was selected is now; a run in a closed group is its head."""
        wanted = None if old is None else key_of(old)
        inside = None
        for number, row in enumerate(self._listed.rows):
            if key_of(row) == wanted:
                return number
            if isinstance(row, Group) and row.closed and any(view.path == wanted for view in row.views):
                inside = number
        last = max(0, len(self._listed.rows) - 1)
        return inside if inside is not None else min(self._cursor, last)

    def select(self, wanted: Hashable) -> None:
        """Put the cursor on this run (by its path) or group (by its key), if it is listed."""
        for number, row in enumerate(self._listed.rows):
            if key_of(row) == wanted:
                self.move(number - self._cursor)
                return

    def to_head(self) -> None:
        """From a run to the head of its group."""
        for number in range(self._cursor, -1, -1):
            row = self._listed.rows[number] if self._listed.rows else None
            if isinstance(row, Group):
                self.move(number - self._cursor)
                return

    def move(self, distance: int) -> None:
        """Move the cursor by ``distance`` rows, at most to the ends."""
        place = min(max(0, self._cursor + distance), max(0, len(self._listed.rows) - 1))
        if place != self._cursor:
            self._cursor = place
            self._draw()
            self.post_message(self.Highlighted())

    def on_resize(self, event: events.Resize) -> None:
        """Fit the columns to the new width."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Select the clicked row; a double click opens it (one, a group); a column's head orders the list."""
        x = event.x - self.styles.padding.left
        if event.y < 1:
            title = fleet.column_at(self._columns, x)
            if title:
                self.post_message(self.HeadClicked(title))
            return
        place = self._offset + event.y - 1 - self.styles.padding.top
        if place < len(self._listed.rows):
            again = place == self._cursor and event.chain > 1
            self.move(place - self._cursor)
            if again or isinstance(self.row, Group):
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the cursor."""
        self.move(3 if event.ctrl else 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the cursor."""
        self.move(-3 if event.ctrl else -1)

    def _draw(self) -> None:
        width, room = self.content_size.width, max(1, self.content_size.height - 1)
        if width <= fleet.GUTTER:
            return
        rows = self._listed.rows
        self._offset = min(self._offset, max(0, len(rows) - room))
        self._offset = min(max(self._offset, self._cursor - room + 1), self._cursor)
        columns = self._placer.placed(width, self._listed.runs, *self._wished)
        if columns != self._columns or len(self._made) > _MOST_KEPT:
            self._columns = columns
            self._made.clear()
        shown = rows[self._offset : self._offset + room]
        at = self._cursor - self._offset
        lines = [self._line(row, width, selected=number == at) for number, row in enumerate(shown)]
        head = fleet.header(columns, self._wish.order, reverse=self._wish.reverse, g=self._g)
        self.show([head, *lines], selected=at + 1 if shown else None)

    def _line(self, row: Row, width: int, *, selected: bool) -> Line:
        """The row as it was drawn before, when nothing of it changed."""
        marks = self._marks(row, selected=selected)
        if isinstance(row, Group):
            return fleet.group_row(row, width, marks, self._g)
        kept = self._made.get(row.path)
        if kept is not None and kept[0][0] is row and kept[0][1] == marks:
            return kept[1]
        made = fleet.row(row, self._columns, marks, self._g)
        self._made[row.path] = ((row, marks), made)
        return made

    def _marks(self, row: Row, *, selected: bool) -> fleet.Marks:
        if isinstance(row, Group):
            return fleet.Marks(selected, all(view.path in self._chosen for view in row.views))
        state = row.state
        hidden = state.run_id in self._wish.hidden
        return fleet.Marks(selected, row.path in self._chosen, state.run_id in self._wish.pins, hidden)


def key_of(row: Row) -> Hashable:
    """What stays the same of a row while runs come, change and go."""
    return row.key if isinstance(row, Group) else row.path
