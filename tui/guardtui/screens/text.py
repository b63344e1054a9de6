"""A page of text to scroll: help, and everything about a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll

from guardtui.bindings import bindings_for
from guardtui.screens.board import BoardScreen
from guardtui.snapshot import Snapshot
from guardtui.text import Line
from guardtui.widgets.key_bar import KeyBar
from guardtui.widgets.lines import Lines

_WIDEST = 110


class TextScreen(BoardScreen):
    """Shows the lines that ``make(width)`` returns, again with every snapshot."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("text")]
    CSS = """
    TextScreen VerticalScroll { padding: 1 2 0 2; scrollbar-size-vertical: 1; }
    """

    def __init__(self, make: Callable[[int], list[Line]]) -> None:
        super().__init__()
        self._make = make

    def compose(self) -> ComposeResult:
        """The text and the footer."""
        with VerticalScroll(can_focus=False):
            yield Lines(id="text")
        yield KeyBar("text", readonly=self.board.readonly)

    def on_resize(self) -> None:
        """Wrap anew."""
        self.apply(self.board.snapshot)

    def apply(self, snapshot: Snapshot) -> None:
        """Draw the text."""
        self.query_one("#text", Lines).show(self._make(min(_WIDEST, self.size.width - 6)))

    def action_scroll(self, distance: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=distance, animate=False)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()


class HelpScreen(TextScreen):
    """The page of keys: there the key that opens it closes it."""
