"""One run: how far, how good, its curves, its signals, its output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType

from guardtui.bindings import bindings_for
from guardtui.screens.board import BoardScreen
from guardtui.snapshot import Curves, RunView, Snapshot
from guardtui.text import Line, line
from guardtui.viewmodel.chart_choice import Choice, choose_charts
from guardtui.viewmodel.chart_models import AXES, ChartOptions, Timeline, chart_model
from guardtui.viewmodel.console import console_lines
from guardtui.viewmodel.grid import Grid, choose_grid, pages
from guardtui.viewmodel.run_header import header_lines
from guardtui.viewmodel.run_status import status_line
from guardtui.viewmodel.signal_lines import pane_lines, wanted_height
from guardtui.widgets.chart_grid import ChartGrid
from guardtui.widgets.key_bar import KeyBar
from guardtui.widgets.lines import Lines
from guardtui.widgets.problem import Problem

_CONSOLE_SHARES = (10, 3, 0)
"""The console's lines by pressing l: a tenth of the height, a third, none."""


class RunScreen(BoardScreen):
    """Draws one run of the snapshot; everything but the keys' settings comes from there."""

    has_curves = True
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("run")]
    CSS = """
    RunScreen > Lines { padding: 0 1; }
    RunScreen #head { margin-bottom: 1; }
    RunScreen.-low #head { margin-bottom: 0; }
    RunScreen #signals { border-top: solid $guard-line; }
    RunScreen #console { border-top: solid $guard-line; }
    RunScreen.-low #signals, RunScreen.-low #console { border-top: none; }
    RunScreen #status { height: 1; }
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._options = ChartOptions()
        self._page = 0
        self._chosen = 0
        self._choosing = False
        self._zoomed = False
        self._output = 0
        self._choices: list[Choice] = []
        self._grid = Grid(1, 1)

    @property
    def looks_at(self) -> Path | None:
        """This screen's run."""
        return self.path

    def compose(self) -> ComposeResult:
        """From the top: head, charts, signals, console, status, keys."""
        yield Lines(id="head")
        yield Problem()
        yield ChartGrid()
        yield Lines(id="signals")
        yield Lines(id="console")
        yield Lines(id="status")
        yield KeyBar("run", readonly=self.board.readonly)

    def on_mount(self) -> None:
        """Ask for this run's curves."""
        self.board.look()
        self.apply(self.board.snapshot)

    def on_screen_resume(self) -> None:
        """Coming back from another screen."""
        self.board.look()
        self.apply(self.board.snapshot)

    def on_resize(self, event: events.Resize) -> None:
        """Arrange anew."""
        self.set_class(event.size.height < 30, "-low")
        self.apply(self.board.snapshot)

    def apply(self, snapshot: Snapshot) -> None:
        """Draw the run as it is in this snapshot."""
        if not self.is_mounted or not self.size.width:
            return
        self.query_one(Problem).say(snapshot.problem)
        view = snapshot.by_path.get(self.path)
        if view is None:
            word = "reading…" if snapshot.loading else "this run is not there (any more)"
            self.query_one("#head", Lines).show([line((word, "dim"))])
            return
        curves = snapshot.curves if snapshot.curves and snapshot.curves.path == self.path else None
        width, height = self.size.width - 2, self.size.height
        head = header_lines(view, width, self.g)
        self.query_one("#head", Lines).show(head)
        signals = self._show_signals(view, width, height)
        console = self._show_console(curves, width, height)
        frame = 0 if self.has_class("-low") else 1 + bool(signals) + bool(console)
        room = height - len(head) - signals - console - frame - 2 - bool(snapshot.problem)
        self._show_charts(view, curves, room)
        self._show_status(view, snapshot, width)

    def _show_signals(self, view: RunView, width: int, height: int) -> int:
        wanted = min(wanted_height(view.state, width, self.g), max(2, height // 6))
        lines = pane_lines(view.state, width, wanted, self.g)
        return self._show_pane("#signals", lines)

    def _show_console(self, curves: Curves | None, width: int, height: int) -> int:
        share = _CONSOLE_SHARES[self._output]
        lines = console_lines(curves.console, width, height // share) if share and curves else []
        return self._show_pane("#console", lines)

    def _show_pane(self, selector: str, lines: list[Line]) -> int:
        pane = self.query_one(selector, Lines)
        if pane.display != bool(lines):
            pane.display = bool(lines)
        pane.show(lines)
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

    def _show_status(self, view: RunView, snapshot: Snapshot, width: int) -> None:
        count = len(self._choices)
        climbing = view.state.status.live and not self.board.readonly
        shown = status_line(
            self._options,
            charts=count,
            page=self._page,
            pages=pages(count, self._grid),
            zoomed=self._zoomed,
            offer=view.state.stop_offer if climbing else "",
            loading=snapshot.loading,
            width=width,
            g=self.g,
        )
        self.query_one("#status", Lines).show([shown])

    def _set(self, **changes: object) -> None:
        self._options = replace(self._options, **changes)  # type: ignore[arg-type]
        self.apply(self.board.snapshot)

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
            self.apply(self.board.snapshot)

    def action_chart(self, distance: int) -> None:
        """Another chart, in a circle."""
        if self._choices:
            step = distance if self._choosing or distance < 0 else 0
            self._chosen = (self._chosen + step) % len(self._choices)
            self._choosing = True
            self.apply(self.board.snapshot)

    def action_zoom(self) -> None:
        """One chart on the whole screen, or all again."""
        self._zoomed = not self._zoomed
        self.apply(self.board.snapshot)

    @on(ChartGrid.Chosen)
    def _chart_chosen(self, event: ChartGrid.Chosen) -> None:
        self._chosen = self._page * self._grid.page + event.number
        self._choosing = True
        self._zoomed = self._zoomed != event.zoom
        self.apply(self.board.snapshot)

    def action_console(self) -> None:
        """Some lines of the console, many, none."""
        self._output = (self._output + 1) % len(_CONSOLE_SHARES)
        self.apply(self.board.snapshot)

    def action_info(self) -> None:
        """Everything about this run."""
        self.board.open_info(self.path)

    def action_acknowledge(self) -> None:
        """Say that the signals of this run are known."""
        self.board.acknowledge(self.path)

    def action_stop(self) -> None:
        """Ask about stopping this run."""
        self.board.ask_stop(self.path)

    def action_climb(self) -> None:
        """The dialog of a stop under way; a second S there climbs."""
        view = self.board.snapshot.by_path.get(self.path)
        if view is not None and view.state.stop_offer:
            self.board.ask_stop(self.path)

    def action_back(self) -> None:
        """From one chart to all; else to the list of runs."""
        if self._zoomed:
            self.action_zoom()
        else:
            self.dismiss()
