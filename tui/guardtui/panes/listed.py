"""A pane with a list to walk and everything about the chosen entry below it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from guardtui.panes.pane import Pane
from guardtui.text import Bit, Line, line
from guardtui.widgets.lines import Lines

_WIDEST: Final = 160
_DETAIL_WIDEST: Final = 110


class ListedPane(Pane):
    """``show`` draws; the chosen entry stays chosen while the list changes around it."""

    DEFAULT_CSS = """
    ListedPane { layout: vertical; }
    ListedPane > Lines { padding: 0 1; }
    ListedPane > #entries { height: auto; }
    ListedPane > #rule { height: 1; }
    ListedPane > VerticalScroll { padding: 0 1; scrollbar-size-vertical: 1; height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[Hashable] = []
        self._chosen: Hashable = None
        self._top = 0
        self._before = 0
        """Lines above the first entry."""

    def compose(self) -> ComposeResult:
        """The list above, the chosen entry below."""
        yield Lines(id="entries")
        yield Lines(id="rule")
        with VerticalScroll(can_focus=False):
            yield Lines(id="text")

    @property
    def list_width(self) -> int:
        """Cells of a line of the list, beside the cursor."""
        return min(_WIDEST, self.size.width - 4)

    @property
    def detail_width(self) -> int:
        """Cells of a line about the chosen entry."""
        return min(_DETAIL_WIDEST, self.size.width - 4)

    @property
    def place(self) -> int:
        """The number of the chosen entry."""
        return self._keys.index(self._chosen) if self._chosen in self._keys else 0

    def choose_from(self, keys: Sequence[Hashable]) -> int:
        """Take the entries there are now; the number of the chosen one."""
        was = self.place
        self._keys = list(keys)
        if self._chosen not in self._keys and self._keys:
            self._chosen = self._keys[min(was, len(self._keys) - 1)]
        return self.place

    def show(self, table: Sequence[Line], detail: Sequence[Line], *, above: Sequence[Line] = ()) -> None:
        """``table``: a line of titles, then one a key."""
        titles, rows = table[:1], table[1:]
        # The list gets what it needs up to a half, the chosen entry the rest.
        room = max(2, (self.size.height - 2 - len(above)) // 2)
        visible = min(len(rows), room)
        self._top = min(max(self._top, self.place - visible + 1), self.place, max(0, len(rows) - visible))
        shown = rows[self._top : self._top + visible]
        marked = [
            (Bit(f"{self.g.cursor} " if self._top + number == self.place else "  ", "accent"), *row)
            for number, row in enumerate(shown)
        ]
        head = [*above, *((Bit("  "), *each) for each in titles)]
        self._before = len(head)
        self.query_one("#entries", Lines).show(
            [*head, *marked], selected=self._before + self.place - self._top if marked else None
        )
        more = len(rows) - visible
        words = f" {self.place + 1} of {len(rows)} " if more else ""
        rule = self.g.rule * max(0, self.size.width - 2 - len(words))
        self.query_one("#rule", Lines).show([line((rule, "rest"), (words, "dim"))])
        self.query_one("#text", Lines).show(detail)

    def show_words(self, lines: Sequence[Line]) -> None:
        """No entries: why."""
        self._keys = []
        self.query_one("#entries", Lines).show([])
        self.query_one("#rule", Lines).show([])
        self.query_one("#text", Lines).show(lines)

    def action_choose(self, distance: int) -> None:
        """Another entry."""
        if self._keys:
            place = min(max(0, self.place + distance), len(self._keys) - 1)
            self._chosen = self._keys[place]
            self.query_one(VerticalScroll).scroll_to(y=0, animate=False)
            self.changed()

    def action_scroll(self, distance: int) -> None:
        """Scroll what is told about the chosen entry."""
        self.query_one(VerticalScroll).scroll_relative(y=distance, animate=False)

    def on_click(self, event: events.Click) -> None:
        """Choose the clicked entry."""
        entries = self.query_one("#entries", Lines).region
        line_number = event.screen_y - entries.y
        row = self._top + line_number - self._before
        inside = entries.contains(event.screen_x, event.screen_y)
        if inside and line_number >= self._before and row < len(self._keys):
            self.action_choose(row - self.place)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Over the list: the entry below."""
        self._turn(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Over the list: the entry above."""
        self._turn(event, -1)

    def _turn(self, event: events.MouseEvent, distance: int) -> None:
        rows = self.query_one("#entries", Lines).region
        if rows.contains(int(event.screen_x), int(event.screen_y)):
            event.stop()
            self.action_choose(distance)
