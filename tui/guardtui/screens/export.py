"""Saving one chart: as a picture, or its numbers."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from guardtui.bindings import bindings_for
from guardtui.chart.model import ChartModel
from guardtui.keys import Where
from guardtui.saving import export
from guardtui.screens.board import BoardScreen
from guardtui.text import Line, Tone, clean, line, wrapped
from guardtui.widgets.choices import Choices, Item
from guardtui.widgets.lines import Lines

_WIDTH = 68
_FORMATS = (("1", "svg", "SVG"), ("2", "png", "PNG"), ("3", "csv", "CSV"))


def _whole(text: str, width: int, tone: Tone) -> list[Line]:
    """Wrapped; a path goes on in the next line, for it is there to be copied."""
    return [line((part, tone)) for part in textwrap.wrap(text, width, break_on_hyphens=False)]


class ExportScreen(BoardScreen, ModalScreen[None]):
    """Asks for the format, writes, says where the file is or why there is none. Stays open for another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("export"),
        *bindings_for("everywhere", owner="app."),
    ]
    CSS = """
    ExportScreen { align: center middle; background: $background 60%; }
    ExportScreen:ansi { background: transparent; }
    ExportScreen > Vertical {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; padding: 0 1; background: $background;
    }
    ExportScreen Choices { margin-top: 1; }
    ExportScreen Input { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    ExportScreen Input.-open { display: block; }
    """

    def __init__(self, model: ChartModel, of: str) -> None:
        """``of``: the run or runs that the chart shows."""
        super().__init__()
        self._model = model
        self._of = of
        self._writing = ""
        self._results: list[tuple[bool, str]] = []

    @property
    def places(self) -> tuple[Where, ...]:
        """The help begins with the keys of the dialog."""
        return ("export",)

    def compose(self) -> ComposeResult:
        """Text above, the folder while it is typed, choices below."""
        with Vertical() as box:
            box.border_title = "Export"
            yield Lines(id="text")
            yield Input(placeholder="folder; empty: where guard was started", compact=True, disabled=True)
            yield Choices(id="choices")

    def on_mount(self) -> None:
        """Draw once the box has its place: its height follows from the text."""
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        """Wrap anew."""
        self._draw()

    def _draw(self) -> None:
        width = max(1, min(_WIDTH, self.size.width - 4))
        self.query_one("#text", Lines).show(self._text(width))
        items: list[Item] = [
            (line((key, "key"), f" {word}"), f"save('{kind}')") for key, kind, word in _FORMATS
        ]
        items.append((line(("f", "key"), " folder"), "folder"))
        items.append((line(("esc", "key"), " close"), "close"))
        self.query_one("#choices", Choices).offer(items)

    def _text(self, width: int) -> list[Line]:
        title = f"{clean(self._model.title)} of {clean(self._of)}"
        lines = [*wrapped(title, width, "strong"), ()]
        if self._model.x_range is not None:
            lines += wrapped("pictures show the part that is zoomed; CSV holds every point", width, "dim")
        lines += wrapped(
            f"into {clean(self._folder) or 'the folder in which guard was started'}", width, "text"
        )
        for well, words in self._results[-3:]:
            lines += [(), *_whole(words, width, "good" if well else "bad")]
        if self._writing:
            lines += [(), line((f"writing {self._writing.upper()}…", "dim"))]
        return lines

    def action_save(self, kind: str) -> None:
        """Write the chart in this format, one at a time."""
        if not self._writing:
            self._writing = kind
            self._draw()
            self.app.run_worker(lambda: self._write(kind), thread=True, group="export", exit_on_error=False)

    def _write(self, kind: str) -> None:
        """In a thread of its own: the folder may be slow, and drawing a picture takes a second."""
        path, problem = export(self._model, self._of, kind, self._folder)
        self.app.call_from_thread(self._saved, path, problem)

    @property
    def _folder(self) -> str:
        return self.board.settings.current.export_folder

    def _saved(self, path: str, problem: str) -> None:
        self._writing = ""
        self._results.append((not problem, clean(problem or f"saved {path}")))
        if self.is_attached:
            self._draw()

    def action_folder(self) -> None:
        """Type another folder."""
        field = self.query_one(Input)
        field.disabled = False
        field.value = self._folder
        field.add_class("-open")
        field.focus()

    @on(Input.Submitted)
    def _folder_typed(self, event: Input.Submitted) -> None:
        self.board.settings.change(export_folder=event.value.strip())
        self._close_field()

    def _close_field(self) -> None:
        field = self.query_one(Input)
        field.remove_class("-open")
        field.disabled = True
        self.set_focus(None)
        self._draw()

    def action_close(self) -> None:
        """The folder's field first, then the dialog."""
        if self.query_one(Input).has_class("-open"):
            self._close_field()
        else:
            self.dismiss()
