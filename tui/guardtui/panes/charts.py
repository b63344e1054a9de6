"""The curves of a run, with its signals and the end of its output below them."""

from __future__ import annotations

from pathlib import Path

from textual import events, on
from textual.app import ComposeResult

from guardtui.panes.pane import Pane
from guardtui.snapshot import Detail, RunView, Snapshot, Wants
from guardtui.text import Line
from guardtui.viewmodel.chart_memory import remembered, to_keep
from guardtui.viewmodel.chart_source import RunSource
from guardtui.viewmodel.chart_view import ChartView
from guardtui.viewmodel.console import console_lines
from guardtui.viewmodel.signal_lines import pane_lines, wanted_height
from guardtui.widgets.chart_board import ChartBoard
from guardtui.widgets.chart_keys import ChartKeys
from guardtui.widgets.lines import Lines

_CONSOLE_SHARES = (10, 3, 0)
"""The console's lines by pressing l: a tenth of the height, a third, none."""
_LOW = 27
"""Below this height nothing is spent on lines between the parts."""


class ChartsPane(Pane, ChartKeys):
    """A board of charts; strips of signals and output where there are any."""

    where = "charts"
    title = "charts"
    DEFAULT_CSS = """
    ChartsPane { layout: vertical; }
    ChartsPane > Lines { padding: 0 1; border-top: solid $guard-line; }
    ChartsPane.-low > Lines { border-top: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._output = 0
        self._seen: ChartView | None = None
        """The view at the last look: what a person changed since is kept."""

    def wants(self, path: Path) -> Wants:
        """The curves, and as much output as the strip can show."""
        return Wants(curves=(path,), detail=path if _CONSOLE_SHARES[self._output] else None, console=40)

    def compose(self) -> ComposeResult:
        """From the top: charts, signals, output."""
        yield ChartBoard(self.g)
        yield Lines(id="signals")
        yield Lines(id="console")

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """Draw the run as it is in this snapshot."""
        width, height = self.size.width - 2, self.size.height
        if width < 1 or height < 1:
            return
        self.set_class(height < _LOW, "-low")
        detail = snapshot.detail if snapshot.detail and snapshot.detail.path == view.path else None
        self._show_signals(view, width, height)
        self._show_console(detail, width, height)
        curves = snapshot.curves.get(view.path)
        if curves is not None:
            source = self._source(RunSource(view.state, curves))
            if self._seen is None:
                self.charts.view = remembered(self.charts.view, self.board.settings.current, source.axes)
                self._seen = self.charts.view
            self.charts.show(source)

    def _source(self, new: RunSource) -> RunSource:
        """The one before, with all that it has converted, while nothing that is drawn has changed."""
        old = self.charts.source
        return old if isinstance(old, RunSource) and old.version == new.version else new

    def _show_signals(self, view: RunView, width: int, height: int) -> None:
        wanted = min(wanted_height(view.state, width, self.g), max(2, height // 6))
        self._show_strip("#signals", pane_lines(view.state, width, wanted, self.g))

    def _show_console(self, detail: Detail | None, width: int, height: int) -> None:
        share = _CONSOLE_SHARES[self._output]
        lines = console_lines(detail.console, width, height // share) if share and detail else []
        self._show_strip("#console", lines)

    def _show_strip(self, selector: str, lines: list[Line]) -> None:
        strip = self.query_one(selector, Lines)
        if strip.display != bool(lines):
            strip.display = bool(lines)
        strip.show(lines)

    def status(self, view: RunView, width: int) -> Line:
        """Which page, which part, which axes; what is at the cursor."""
        return self.charts.status(width)

    def back(self) -> bool:
        """Undo the last narrowing of the charts."""
        return self.charts.back()

    def show_at(self, step: float, name: str = "") -> None:
        """Go to a step: the cursor on it, its neighbourhood in view, the chart with curve ``name`` chosen."""
        self.charts.show_at(step, name)

    @on(ChartBoard.Changed)
    def _charts_changed(self) -> None:
        view = self.charts.view
        kept = to_keep(self._seen, view) if self._seen is not None else {}
        if kept:
            self.board.settings.change(**kept)
        self._seen = view
        self.changed()

    def on_mount(self) -> None:
        """As much output as the last time."""
        self._output = self.board.settings.current.output_strip % len(_CONSOLE_SHARES)

    async def on_click(self, event: events.Click) -> None:
        """A click on the strip of signals or output shows its pane."""
        from guardtui.screens.run import RunScreen

        x, y = int(event.screen_x), int(event.screen_y)
        for strip, title in (("#signals", "signals"), ("#console", "output")):
            shown = self.query_one(strip, Lines)
            if shown.display and shown.region.contains(x, y) and isinstance(self.screen, RunScreen):
                await self.screen.show_pane(title)

    def action_console(self) -> None:
        """Some lines of the console, many, none."""
        self._output = (self._output + 1) % len(_CONSOLE_SHARES)
        self.board.settings.change(output_strip=self._output)
        self.changed()
