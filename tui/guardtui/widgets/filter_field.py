"""The field for a filter, and under it what is made of the text while it is typed."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from guardtui.text import Line
from guardtui.widgets.lines import Lines


class FilterField(Widget):
    """Closed until it is opened; keeps its text while it is closed."""

    DEFAULT_CSS = """
    FilterField { display: none; height: auto; dock: bottom; margin-bottom: 1; background: $panel; }
    FilterField.-open { display: block; }
    FilterField Input, FilterField Input.-textual-compact {
        height: 1; border: none; padding: 0 1; background: $panel;
    }
    FilterField Lines { height: 1; padding: 0 1; background: $panel; }
    """

    class Typed(Message):
        """The text changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Entered(Message):
        """The text is to stand."""

    def compose(self) -> ComposeResult:
        """The text, and what it means."""
        yield Input(disabled=True, compact=True, select_on_focus=False)
        yield Lines(id="verdict")

    @property
    def text(self) -> str:
        """What was typed."""
        return self.query_one(Input).value

    def open(self) -> None:
        """Begin to type, behind what was typed before."""
        self.add_class("-open")
        field = self.query_one(Input)
        field.disabled = False
        field.cursor_position = len(field.value)
        field.focus()

    def close(self, text: str) -> None:
        """Stop to type; ``text`` is kept for the next time."""
        field = self.query_one(Input)
        field.value = text
        field.disabled = True
        self.remove_class("-open")
        self.screen.set_focus(None)

    def say(self, verdict: Line) -> None:
        """Show what is made of the text."""
        self.query_one(Lines).show([verdict])

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered())
