"""The list of runs: keeps the selection on its run while runs come, go and move."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual import events
from textual.message import Message

from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.viewmodel import fleet
from guardtui.widgets.lines import Lines


class FleetTable(Lines):
    """A header and as many runs as fit; the selected one is always in view."""

    DEFAULT_CSS = """
    FleetTable { height: 1fr; padding: 0 1; }
    """

    class Highlighted(Message):
        """Another run was selected."""

    class Opened(Message):
        """The selected run is to be opened."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._g = glyphs
        self._views: Sequence[RunView] = ()
        self._cursor = 0
        self._offset = 0

    @property
    def selected(self) -> RunView | None:
        """The run under the cursor."""
        return self._views[self._cursor] if self._views else None

    def show_runs(self, views: Sequence[RunView]) -> None:
        """Draw these runs; the selection stays on its run where that is still listed."""
        chosen = self.selected.path if self.selected else None
        self._views = views
        places = [number for number, view in enumerate(views) if view.path == chosen]
        self._cursor = places[0] if places else min(self._cursor, max(0, len(views) - 1))
        self._draw()

    def select(self, path: Path) -> None:
        """Put the cursor on this run, if it is listed."""
        for number, view in enumerate(self._views):
            if view.path == path:
                self.move(number - self._cursor)

    def move(self, distance: int) -> None:
        """Move the cursor by ``distance`` runs, at most to the ends."""
        place = min(max(0, self._cursor + distance), max(0, len(self._views) - 1))
        if place != self._cursor:
            self._cursor = place
            self._draw()
            self.post_message(self.Highlighted())

    def on_resize(self, event: events.Resize) -> None:
        """Fit the columns to the new width."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Select the clicked run; a double click, or a click on the selected one, opens it."""
        place = self._offset + event.y - 1 - self.styles.padding.top
        if event.y >= 1 and place < len(self._views):
            if place == self._cursor and event.chain > 1:
                self.post_message(self.Opened())
            self.move(place - self._cursor)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the cursor."""
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the cursor."""
        self.move(-1)

    def _draw(self) -> None:
        width, room = self.content_size.width, max(1, self.content_size.height - 1)
        if width <= fleet.GUTTER:
            return
        self._offset = min(self._offset, max(0, len(self._views) - room))
        self._offset = min(max(self._offset, self._cursor - room + 1), self._cursor)
        columns = fleet.placed(width, self._views)
        shown = self._views[self._offset : self._offset + room]
        at = self._cursor - self._offset
        rows = [
            fleet.row(view, columns, selected=number == at, g=self._g) for number, view in enumerate(shown)
        ]
        self.show([fleet.header(columns), *rows], selected=at + 1 if shown else None)
