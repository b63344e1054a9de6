"""The training's own output: searched, followed, however long."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.widgets import Input

from guardtui.panes.pane import Pane
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Bit, Line, line, packed
from guardtui.viewmodel.console import Output, Row, Search, drawn, window
from guardtui.widgets.lines import Lines

_FIRST: Final = 1_000
_MORE: Final = 4_000
_SEARCHED: Final = 20_000
"""Lines that are held while something is searched."""
_MOST: Final = 100_000
"""Lines that are held at most: what is earlier is for a pager."""
_WHEEL: Final = 3


class OutputPane(Pane):
    """A window on console.log. Only the lines that are seen are drawn; earlier ones are read on demand."""

    where = "output"
    title = "output"
    DEFAULT_CSS = """
    OutputPane { layout: vertical; }
    OutputPane > Lines { padding: 0 1; height: 1fr; }
    OutputPane > Input { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    OutputPane > Input.-open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._output = Output(())
        self._complete = True
        self._top: int | None = None
        """The first line that is shown; None: the end is followed."""
        self._seen_end = 0
        """The number after the last line when following ended."""
        self._wrap = False
        self._wanted = _FIRST
        self._search = Search()
        self._rows: list[Row] = []

    def wants(self, path: Path) -> Wants:
        """As many lines as were asked for so far."""
        return Wants(detail=path, console=self._wanted)

    def compose(self) -> ComposeResult:
        """The lines; a field for the search, when it is open."""
        yield Lines(id="output")
        yield Input(placeholder="words to search for; enter: keep, esc: leave", compact=True, disabled=True)

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """Take new lines, and draw those that are seen."""
        detail = snapshot.detail
        shown = self.query_one("#output", Lines)
        if detail is None or detail.path != view.path:
            shown.show([line(("reading…", "dim"))])
            return
        self._output = Output(detail.console, detail.console_first)
        self._complete = detail.console_complete
        if self._top is not None and not self._output.first <= self._top <= self._output.end:
            # Lines that were dropped meanwhile, or a file that began again.
            self._top = self._output.first
        self._search.look(self._output)
        self._draw()

    def _draw(self) -> None:
        shown = self.query_one("#output", Lines)
        width, height = self.size.width - 2, shown.size.height or self.size.height
        if width < 1 or height < 1:
            return
        self._rows = window(self._output, self._top, width, height, wrap=self._wrap)
        if not self._output.lines:
            shown.show([line(("No output yet: the training has printed nothing.", "dim"))])
            return
        shown.show(drawn(self._rows, self._search.query, self._search.current, self.g))

    def status(self, view: RunView, width: int) -> Line:
        """Whether the end is followed; what is below; where the search is."""
        found = self._search.words()
        below = self._output.end - max(self._seen_end, self._last_shown + 1)
        parts = [line((found, "accent" if self._search.matches else "warn"))] if found else []
        if self._top is None:
            parts.append(line(("following" if view.state.status.live else "the end", "dim")))
        elif below > 0:
            parts.append(line((f"{below:,} new lines below" if below > 1 else "1 new line below", "strong")))
        else:
            parts.append(line((self._place_words(), "dim")))
        if self._wrap:
            parts.append(line(("wrapped", "text")))
        return packed(parts, Bit(f" {self.g.dot} ", "dim"), width)

    def _place_words(self) -> str:
        total = f"{len(self._output.lines):,}" + ("" if self._complete else "+")
        number = (self._top or 0) - self._output.first + 1
        return (
            f"line {number:,} of {total}"
            if self._complete
            else f"{self._output.end - (self._top or 0):,} lines from the end"
        )

    @property
    def _last_shown(self) -> int:
        return self._rows[-1].number if self._rows else self._output.end - 1

    def _go(self, top: int) -> None:
        """Show the lines from ``top`` on; at the end: follow again."""
        if self._top is None:
            self._seen_end = self._output.end
        self._top = min(max(top, self._output.first), max(self._output.first, self._output.end - 1))
        self._draw()
        if self._rows and self._last_shown >= self._output.end - 1 and not self._is_cut():
            self._top = None
        near = self._top is not None and self._top - self._output.first < 2 * self.size.height
        if near and not self._complete and self._wanted < _MOST:
            self._wanted = min(_MOST, max(self._wanted, len(self._output.lines)) + _MORE)
        self.changed()

    def _is_cut(self) -> bool:
        """Whether the last line has rows below the edge."""
        rows = window(self._output, None, self.size.width - 2, 1, wrap=self._wrap)
        return bool(rows) and bool(self._rows) and rows[-1].text != self._rows[-1].text

    def action_scroll(self, distance: int) -> None:
        """By lines; up ends following."""
        if self._rows and not (self._top is None and distance > 0):
            self._go(self._rows[0].number + distance)

    def action_page(self, direction: int) -> None:
        """By what is seen, but for two lines."""
        seen = len({row.number for row in self._rows})
        self.action_scroll(direction * max(1, seen - 2))

    def action_edge(self, direction: int) -> None:
        """The first line that is held, or the end."""
        if direction > 0:
            self._follow()
        elif self._rows:
            self._go(self._output.first)

    def action_follow(self) -> None:
        """Follow the end, or stay here."""
        if self._top is None and self._rows:
            self._seen_end = self._output.end
            self._top = self._rows[0].number
            self.changed()
        else:
            self._follow()

    def _follow(self) -> None:
        self._top = None
        self._wanted = _SEARCHED if self._search.query else _FIRST
        self.changed()

    def action_wrap(self) -> None:
        """Long lines on several rows, or cut."""
        self._wrap = not self._wrap
        self.changed()

    def action_search(self) -> None:
        """Type words to search for."""
        field = self.query_one(Input)
        field.disabled = False
        field.add_class("-open")
        field.value = self._search.query
        field.focus()

    def action_match(self, direction: int) -> None:
        """The next match below, or the one above."""
        first = self._rows[0].number if self._rows else 0
        found = self._search.step(direction, self._last_shown + 1 if direction < 0 else first)
        if found is not None:
            self._show_line(found)
        elif self._search.query:
            self.changed()

    def _show_line(self, number: int) -> None:
        """Scroll as little as needed: a line that is out of sight comes to a third of the height."""
        if any(row.number == number for row in self._rows):
            self.changed()
        else:
            self._go(number - self.size.height // 3)

    @on(Input.Changed)
    def _search_changed(self, event: Input.Changed) -> None:
        if event.input.has_class("-open"):
            self._search.start(event.value)
            self._wanted = max(self._wanted, _SEARCHED) if event.value else self._wanted
            self._search.look(self._output)
            self.changed()

    @on(Input.Submitted)
    def _search_submitted(self, event: Input.Submitted) -> None:
        """The nearest match above the end of what is seen."""
        self._close_search()
        self.action_match(-1)

    def _close_search(self) -> None:
        field = self.query_one(Input)
        field.remove_class("-open")
        field.disabled = True
        self.focus()

    def back(self) -> bool:
        """Esc: leave the search, its field first; then follow the end again."""
        if self.query_one(Input).has_class("-open"):
            self._close_search()
            self._search.start("")
        elif self._search.query:
            self._search.start("")
        elif self._top is not None:
            self._follow()
        else:
            return False
        self.changed()
        return True

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll(-_WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll(_WHEEL)
