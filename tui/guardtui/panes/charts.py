"""The curves of a run, with its signals and the end of its output below them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textual import on
from textual.app import ComposeResult

from guardtui.panes.pane import Pane
from guardtui.snapshot import Curves, Detail, RunView, Snapshot, Wants
from guardtui.text import Line
from guardtui.viewmodel.chart_choice import Choice, choose_charts
from guardtui.viewmodel.chart_models import AXES, ChartOptions, Timeline, chart_model
from guardtui.viewmodel.console import console_lines
from guardtui.viewmodel.grid import Grid, choose_grid, pages
from guardtui.viewmodel.run_status import charts_status
from guardtui.viewmodel.signal_lines import pane_lines, wanted_height
from guardtui.widgets.chart_grid import ChartGrid
from guardtui.widgets.lines import Lines

_CONSOLE_SHARES = (10, 3, 0)
"""The console's lines by pressing l: a tenth of the height, a third, none."""
_LOW = 27
"""Below this height nothing is spent on lines between the parts."""


class ChartsPane(Pane):
    """A paged grid of charts; strips of signals and output where there are any."""

    where = "charts"
    title = "charts"
    DEFAULT_CSS = """
    ChartsPane { layout: vertical; }
    ChartsPane > Lines { padding: 0 1; border-top: solid $guard-line; }
    ChartsPane.-low > Lines { border-top: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._options = ChartOptions()
        self._page = 0
        self._chosen = 0
        self._choosing = False
        self._zoomed = False
        self._output = 0
        self._choices: list[Choice] = []
        self._grid = Grid(1, 1)

    def wants(self, path: Path) -> Wants:
        """The curves, and as much output as the strip can show."""
        return Wants(curves=(path,), detail=path if _CONSOLE_SHARES[self._output] else None, console=40)

    def compose(self) -> ComposeResult:
        """From the top: charts, signals, output."""
        yield ChartGrid()
        yield Lines(id="signals")
        yield Lines(id="console")

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """Draw the run as it is in this snapshot."""
        width, height = self.size.width - 2, self.size.height
        if width < 1 or height < 1:
            return
        self.set_class(height < _LOW, "-low")
        detail = snapshot.detail if snapshot.detail and snapshot.detail.path == view.path else None
        signals = self._show_signals(view, width, height)
        console = self._show_console(detail, width, height)
        rules = 0 if self.has_class("-low") else bool(signals) + bool(console)
        self._show_charts(view, snapshot.curves.get(view.path), height - signals - console - rules)

    def _show_signals(self, view: RunView, width: int, height: int) -> int:
        wanted = min(wanted_height(view.state, width, self.g), max(2, height // 6))
        return self._show_strip("#signals", pane_lines(view.state, width, wanted, self.g))

    def _show_console(self, detail: Detail | None, width: int, height: int) -> int:
        share = _CONSOLE_SHARES[self._output]
        lines = console_lines(detail.console, width, height // share) if share and detail else []
        return self._show_strip("#console", lines)

    def _show_strip(self, selector: str, lines: list[Line]) -> int:
        strip = self.query_one(selector, Lines)
        if strip.display != bool(lines):
            strip.display = bool(lines)
        strip.show(lines)
        return len(lines)

    def _show_charts(self, view: RunView, curves: Curves | None, height: int) -> None:
        if curves is None:
            return
        state = view.state
        self._choices = choose_charts(curves.series, state.monitor.name if state.monitor else None)
        self._grid = Grid(1, 1) if self._zoomed else choose_grid(self.size.width, height, len(self._choices))
        self._chosen = min(self._chosen, max(0, len(self._choices) - 1))
        self._page = self._chosen // self._grid.page
        first = self._page * self._grid.page
        timeline = Timeline.of(curves.series, state)
        models = [
            chart_model(choice, curves.series, state, timeline, self._options)
            for choice in self._choices[first : first + self._grid.page]
        ]
        chosen = self._chosen - first if self._choosing and not self._zoomed else None
        self.query_one(ChartGrid).show(models, self._grid, chosen)

    def status(self, view: RunView, width: int) -> Line:
        """Which page, which axes."""
        return charts_status(
            self._options,
            charts=len(self._choices),
            page=self._page,
            pages=pages(len(self._choices), self._grid),
            zoomed=self._zoomed,
            width=width,
            g=self.g,
        )

    def back(self) -> bool:
        """From one chart to all."""
        if self._zoomed:
            self.action_zoom()
            return True
        return False

    def _set(self, **changes: object) -> None:
        self._options = replace(self._options, **changes)  # type: ignore[arg-type]
        self.changed()

    def action_log(self) -> None:
        """Logarithmic y axis."""
        self._set(log_y=not self._options.log_y)

    def action_axis(self) -> None:
        """The next x axis."""
        self._set(axis=AXES[(AXES.index(self._options.axis) + 1) % len(AXES)])

    def action_smooth(self) -> None:
        """Smoothing."""
        self._set(smooth=not self._options.smooth)

    def action_page(self, distance: int) -> None:
        """Another page of charts; when one chart is shown, another chart."""
        page = min(max(0, self._page + distance), pages(len(self._choices), self._grid) - 1)
        if page != self._page:
            self._chosen = page * self._grid.page
            self.changed()

    def action_chart(self, distance: int) -> None:
        """Another chart, in a circle."""
        if self._choices:
            step = distance if self._choosing or distance < 0 else 0
            self._chosen = (self._chosen + step) % len(self._choices)
            self._choosing = True
            self.changed()

    def action_zoom(self) -> None:
        """One chart on the whole screen, or all again."""
        self._zoomed = not self._zoomed
        self.changed()

    @on(ChartGrid.Chosen)
    def _chart_chosen(self, event: ChartGrid.Chosen) -> None:
        self._chosen = self._page * self._grid.page + event.number
        self._choosing = True
        self._zoomed = self._zoomed != event.zoom
        self.changed()

    def action_console(self) -> None:
        """Some lines of the console, many, none."""
        self._output = (self._output + 1) % len(_CONSOLE_SHARES)
        self.changed()
