"""The command palette: words above, what they find below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from guardtui.bindings import bindings_for
from guardtui.screens.board import BoardScreen
from guardtui.text import line
from guardtui.viewmodel.palette import Entry, matching, palette_lines, window_of
from guardtui.widgets.lines import Lines

_WIDEST: Final = 96
_MOST: Final = 16
_FRAME: Final = 4
"""Rows besides the entries: border, words, how many there are."""


class PaletteScreen(BoardScreen, ModalScreen[None]):
    """Closes itself, then does what was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("palette", priority=True)]
    DEFAULT_CSS = """
    PaletteScreen { align: center top; background: $background 60%; }
    PaletteScreen:ansi { background: transparent; }
    PaletteScreen > Vertical {
        width: 100; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; padding: 0 1; background: $background;
    }
    PaletteScreen Input, PaletteScreen Input.-textual-compact {
        height: 1; border: none; padding: 0; background: $background;
    }
    PaletteScreen #count { height: 1; }
    """

    def __init__(self, entries: Sequence[Entry], do: Callable[[Entry], None]) -> None:
        super().__init__()
        self._entries = entries
        self._do = do
        self._found = list(entries)
        self._chosen = self._top = 0

    def compose(self) -> ComposeResult:
        """Words above, entries below."""
        with Vertical() as box:
            box.border_title = "Do"
            yield Input(placeholder="words: stop, theme, smooth, bell, the name of a run …", compact=True)
            yield Lines(id="entries")
            yield Lines(id="count")

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        """Fit anew."""
        self._draw()

    @property
    def _room(self) -> int:
        return max(1, min(_MOST, self.size.height - _FRAME))

    def _draw(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        width = max(1, min(_WIDEST, self.size.width - 4))
        self._top = window_of(len(self._found), self._chosen, self._top, self._room)
        shown = self._found[self._top : self._top + self._room]
        chosen = self._chosen - self._top if shown else None
        lines = palette_lines(shown, width) or [line(("nothing of that name", "warn"))]
        self.query_one("#entries", Lines).show(lines, selected=chosen)
        count = f"{self._chosen + 1} of {len(self._found)}   " if self._found else ""
        words = line((count, "dim"), ("enter", "key"), (" do it  ", "dim"), ("esc", "key"), (" close", "dim"))
        self.query_one("#count", Lines).show([words])

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._found = matching(self._entries, event.value)
        self._chosen = self._top = 0
        self._draw()

    def action_choose(self, distance: int) -> None:
        """Another entry."""
        self._chosen = min(max(0, self._chosen + distance), max(0, len(self._found) - 1))
        self._draw()

    def action_confirm(self) -> None:
        """Close, and do it."""
        chosen = self._found[self._chosen] if self._found else None
        self.dismiss()
        if chosen is not None:
            self.board.call_after_refresh(lambda: self._do(chosen))

    def action_close(self) -> None:
        """Close, and do nothing."""
        self.dismiss()

    def on_click(self, event: events.Click) -> None:
        """Do the clicked entry; beside the box: close."""
        x, y = int(event.screen_x), int(event.screen_y)
        rows = self.query_one("#entries", Lines).region
        if rows.contains(x, y) and self._top + y - rows.y < len(self._found):
            self._chosen = self._top + y - rows.y
            self.action_confirm()
        elif not self.query_one(Vertical).region.contains(x, y):
            self.dismiss()

    def on_mouse_scroll_down(self) -> None:
        """Further down."""
        self.action_choose(1)

    def on_mouse_scroll_up(self) -> None:
        """Further up."""
        self.action_choose(-1)
