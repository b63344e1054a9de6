"""The safe stop as a dialog: says first, asks, then shows each stage as it happens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from guardrun.state.model import Status
from guardtui.bindings import bindings_for
from guardtui.screens.board import BoardScreen
from guardtui.snapshot import RunView, Snapshot
from guardtui.text import Line, line, wrapped
from guardtui.viewmodel import stopping
from guardtui.widgets.choices import Choices, Item
from guardtui.widgets.lines import Lines

_WIDTH = 72
_FRAME = 4
"""Lines of the box besides its text: border, the choices and the gap above them."""


class StopScreen(BoardScreen, ModalScreen[None]):
    """About one run. Nothing is sent before the person confirmed, and nothing twice."""

    # A modal screen hides the app's own keys; Ctrl-C and q must work here too.
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("stop"),
        *bindings_for("everywhere", owner="app."),
    ]
    CSS = """
    StopScreen { align: center middle; background: $background 60%; }
    StopScreen:ansi { background: transparent; }
    StopScreen > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; padding: 0 1; background: $background;
    }
    StopScreen Choices { margin-top: 1; }
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._sent: float | None = None
        self._climbed: str = ""
        self._problem = ""

    def compose(self) -> ComposeResult:
        """Text above, choices below."""
        with Vertical() as box:
            box.border_title = "Safe stop"
            yield Lines(id="text")
            yield Choices(id="choices")

    def on_mount(self) -> None:
        """Draw once the box has its place: its height follows from the text."""
        self.call_after_refresh(lambda: self.apply(self.board.snapshot))

    def on_resize(self) -> None:
        """Wrap anew."""
        self.apply(self.board.snapshot)

    @property
    def _view(self) -> RunView | None:
        return self.board.snapshot.by_path.get(self._path)

    @property
    def _asking(self) -> bool:
        view = self._view
        return self._sent is None and view is not None and view.state.status is not Status.STOPPING

    def apply(self, snapshot: Snapshot) -> None:
        """Draw the question, or the stages."""
        view = self._view
        if view is None or not self.is_mounted:
            return
        width = min(_WIDTH, self.size.width - 4)
        if self._asking:
            lines, items = self._question(view, width)
        else:
            lines, items = self._stages(view, width)
        if self._problem:
            lines += [(), *wrapped(self._problem, width, "bad")]
        self.query_one("#text", Lines).show(stopping.newest(lines, max(1, self.size.height - _FRAME), self.g))
        self.query_one("#choices", Choices).offer(items)

    def _question(self, view: RunView, width: int) -> tuple[list[Line], list[Item]]:
        asked = stopping.question(view, width, self.g)
        close = (line(("esc", "key"), (" cancel" if asked.allowed else " close", "text")), "close")
        if not asked.allowed:
            return asked.lines, [close]
        word = " y  stop it anyway " if asked.loses_work else " enter  stop safely "
        return asked.lines, [(line((word, "danger")), "confirm(True)"), close]

    def _stages(self, view: RunView, width: int) -> tuple[list[Line], list[Item]]:
        state = view.state
        lines = [
            *stopping.heading(view, width, self.g),
            *stopping.stage_lines(state, self._sent, width, self.g),
        ]
        result = stopping.result_lines(state, width, self.g)
        offer = stopping.offer_lines(state, width)
        lines += [(), *result] if result else []
        lines += [(), *offer] if offer else []
        if self._climbed and state.status.live:
            lines.append(line((f"asked for {self._climbed}", "warn")))
        items: list[Item] = []
        if offer and not self.board.readonly:
            items.append((line((f" S  {state.stop_offer} ", "danger")), "climb"))
        leave = " close" if result else " close (the stop goes on)"
        return lines, [*items, (line(("esc", "key"), (leave, "text")), "close")]

    def action_confirm(self, sure: bool) -> None:
        """Send the request, once; Enter alone is not enough where work would be lost."""
        view = self._view
        if view is None or not self._asking:
            return
        asked = stopping.question(view, _WIDTH, self.g)
        if asked.allowed and (sure or not asked.loses_work):
            self._sent = time.time()
            self._problem = ""
            self.board.send_stop(view, self._answered)
            self.apply(self.board.snapshot)

    def action_climb(self) -> None:
        """Ask for the rung that is offered, once each."""
        view = self._view
        if view is None or self._asking:
            return
        rung = view.state.stop_offer
        if rung and rung != self._climbed and view.state.status.live:
            self._climbed = rung
            self.board.send_stop(view, self._answered, hurry=True)
            self.apply(self.board.snapshot)

    def _answered(self, problem: str) -> None:
        """The request was written, or could not be: then it may be tried again."""
        if problem:
            self._problem, self._climbed, self._sent = problem, "", None
        self.apply(self.board.snapshot)

    def action_close(self) -> None:
        """Close; what was sent goes on."""
        self.dismiss()
