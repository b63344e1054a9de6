"""What every dialog about runs shares: a box over the screen with text, and a row of things to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from guardtui.bindings import bindings_for
from guardtui.keys import Where
from guardtui.screens.board import BoardScreen
from guardtui.snapshot import RunView, Snapshot
from guardtui.text import Line, line, wrapped
from guardtui.viewmodel.stopping import newest
from guardtui.widgets.choices import Choices, Item
from guardtui.widgets.lines import Lines

_WIDTH = 72
_WIDE = 96
"""Where several runs are told of."""
_FRAME = 4
"""Lines of the box besides its text: border, the choices and the gap above them."""


class DialogScreen(BoardScreen, ModalScreen[None]):
    """About one run or several. Draws what ``parts`` makes of the newest snapshot."""

    # A modal screen hides the app's own keys; Ctrl-C and q must work here too.
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("stop"),
        *bindings_for("everywhere", owner="app."),
    ]
    DEFAULT_CSS = """
    DialogScreen { align: center middle; background: $background 60%; }
    DialogScreen:ansi { background: transparent; }
    DialogScreen > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; padding: 0 1; background: $background;
    }
    DialogScreen.-several > Vertical { width: 100; }
    DialogScreen Choices { margin-top: 1; }
    DialogScreen Input {
        height: 1; border: none; padding: 0; margin-top: 1; background: $panel; width: 1fr;
    }
    """
    heading = ""

    def __init__(self, paths: Path | Sequence[Path]) -> None:
        super().__init__()
        self.paths = (paths,) if isinstance(paths, Path) else tuple(paths)
        self.problem = ""
        """What went wrong with a request."""
        self.closed = False
        """It was left; an answer to what it asked may still come."""

    def compose(self) -> ComposeResult:
        """Text above, choices below."""
        self.set_class(self.several, "-several")
        with Vertical() as box:
            box.border_title = self.heading
            yield Lines(id="text")
            yield from self.between()
            yield Choices(id="choices")

    def between(self) -> Sequence[Widget]:
        """What stands between the text and the choices."""
        return ()

    @property
    def places(self) -> tuple[Where, ...]:
        """The help begins with the keys of the dialog."""
        return ("stop",)

    @property
    def several(self) -> bool:
        """Whether it is about more than one run."""
        return len(self.paths) > 1

    @property
    def views(self) -> list[RunView]:
        """The runs as they are now; those that vanished are left out."""
        found = (self.board.snapshot.by_path.get(path) for path in self.paths)
        return [view for view in found if view is not None]

    def on_mount(self) -> None:
        """Draw once the box has its place: its height follows from the text."""
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        """Wrap anew."""
        self.redraw()

    @property
    def width(self) -> int:
        """Cells of a line."""
        return min(_WIDE if self.several else _WIDTH, self.size.width - 4)

    @property
    def room(self) -> int:
        """Lines of text that fit."""
        return max(1, self.size.height - _FRAME - 2 * len(self.between_rows))

    @property
    def between_rows(self) -> Sequence[Widget]:
        """Rows that are there besides the text, each with the gap above it."""
        return list(self.query("Input"))

    def redraw(self) -> None:
        """The same again."""
        self.apply(self.board.snapshot)

    def apply(self, snapshot: Snapshot) -> None:
        """Draw the dialog as the runs are now."""
        if self.closed or not self.is_mounted:
            return
        views = self.views
        if not views:
            return
        lines, items = self.parts(views)
        if self.problem:
            lines = [*lines, (), *wrapped(self.problem, self.width, "bad")]
        self.query_one("#text", Lines).show(newest(lines, self.room, self.g))
        self.query_one("#choices", Choices).offer(items)

    def parts(self, views: list[RunView]) -> tuple[list[Line], list[Item]]:
        """The text, and what can be done."""
        raise NotImplementedError

    def leave(self, word: str = "close") -> Item:
        """The way out."""
        return line(("esc", "key"), (f" {word}", "text")), "close"

    def action_confirm(self, sure: bool) -> None:
        """What the dialog asks for; nothing is sent twice."""

    def action_climb(self) -> None:
        """Only a stop climbs."""

    def action_close(self) -> None:
        """Close; what was sent goes on."""
        self.closed = True
        self.dismiss()
