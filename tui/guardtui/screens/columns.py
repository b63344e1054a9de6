"""The dialog that chooses the columns of the list."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from guardtui.bindings import bindings_for
from guardtui.keys import Where
from guardtui.screens.board import BoardScreen
from guardtui.text import line
from guardtui.viewmodel.column_choice import Choice, choice_lines
from guardtui.viewmodel.palette import window_of
from guardtui.widgets.choices import Choices
from guardtui.widgets.lines import Lines

_WIDTH = 64
_FRAME = 4
"""Rows besides the columns: border, choices and the gap above them."""


class ColumnsScreen(BoardScreen, ModalScreen[None]):
    """Nothing changes before Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("columns"),
        *bindings_for("everywhere", owner="app."),
    ]
    CSS = """
    ColumnsScreen { align: center middle; background: $background 60%; }
    ColumnsScreen:ansi { background: transparent; }
    ColumnsScreen > Vertical {
        width: 68; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; padding: 0 1; background: $background;
    }
    ColumnsScreen Choices { margin-top: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._choice = Choice.of((), ())
        self._top = 0

    @property
    def places(self) -> tuple[Where, ...]:
        """The help begins with the keys of the dialog."""
        return ("columns",)

    def compose(self) -> ComposeResult:
        """Columns above, keys below."""
        with Vertical() as box:
            box.border_title = "Columns, from the left; the last ones go first"
            yield Lines(id="columns")
            yield Choices(id="choices")

    def on_mount(self) -> None:
        """Begin with what is kept; draw once the box has its place: its height follows from the text."""
        kept = self.board.settings.current
        self._choice = Choice.of(kept.columns, kept.columns_off)
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        """Fit anew."""
        self._draw()

    def _draw(self) -> None:
        width = max(1, min(_WIDTH, self.size.width - 4))
        rows = choice_lines(self._choice, width, self.g)
        room = max(1, self.size.height - _FRAME)
        self._top = window_of(len(rows), self._choice.place, self._top, room)
        shown = rows[self._top : self._top + room]
        self.query_one("#columns", Lines).show(shown, selected=self._choice.place - self._top)
        keys = (("space", "on/off", "switch"), ("J K", "move", ""), ("0", "by itself", "itself"),
                ("enter", "keep", "confirm"), ("esc", "cancel", "close"))  # fmt: skip
        items = [(line((key, "key"), f" {word}"), action) for key, word, action in keys]
        self.query_one("#choices", Choices).offer(items)

    def _change(self, choice: Choice) -> None:
        self._choice = choice
        self._draw()

    def action_choose(self, distance: int) -> None:
        """Another column."""
        self._change(self._choice.moved(distance))

    def action_carry(self, distance: int) -> None:
        """The column to another place."""
        self._change(self._choice.carried(distance))

    def action_switch(self) -> None:
        """The column off or on."""
        self._change(self._choice.switched())

    def action_itself(self) -> None:
        """All of them, as room allows."""
        self._change(Choice.of((), ()).moved(self._choice.place))

    def action_confirm(self) -> None:
        """Keep it, also for the next time."""
        order, off = self._choice.kept
        self.board.settings.change(columns=order, columns_off=off)
        self.dismiss()

    def action_close(self) -> None:
        """Leave the list as it was."""
        self.dismiss()
