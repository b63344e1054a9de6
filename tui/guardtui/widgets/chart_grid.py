"""The charts of one page, in a grid that fits; one of them is chosen."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual import events
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from guardtui.chart.model import ChartModel
from guardtui.viewmodel.grid import Grid
from guardtui.widgets.chart import Chart

_TURN_S = 0.015
"""Time of the drawing thread after which the charts that are left wait for the next turn."""
_BREATH_S = 0.005
"""Between two turns: a key that was pressed meanwhile gets its answer."""


class ChartGrid(Widget):
    """As many charts as are asked for; they are made when they are first needed. Where many long curves take
    longer than a turn, the first and the chosen chart are drawn at once and the others in turns of their own:
    what is asked for meanwhile is drawn instead."""

    DEFAULT_CSS = """
    ChartGrid { layout: grid; height: 1fr; grid-gutter: 0 1; padding: 0 1 0 0; }
    ChartGrid > Chart { border-left: blank; }
    ChartGrid > Chart.-chosen { border-left: outer $accent; }
    """

    class Chosen(Message):
        """A chart was clicked; ``zoom`` by a double click."""

        def __init__(self, number: int, zoom: bool) -> None:
            super().__init__()
            self.number = number
            self.zoom = zoom

    class Drawn(Message):
        """Charts that were behind are up to date."""

    def __init__(self) -> None:
        super().__init__()
        self._charts: list[Chart] = []
        self._shown = 0
        self._behind: dict[Chart, None] = {}
        """Charts to be drawn, those that wait longest first."""
        self._turn: Timer | None = None

    @property
    def shown(self) -> Sequence[Chart]:
        """The charts of this page."""
        return self._charts[: self._shown]

    def show(self, models: Sequence[ChartModel], grid: Grid, chosen: int | None) -> None:
        """Draw these models; number ``chosen`` of them is marked."""
        if (self.styles.grid_size_columns, self.styles.grid_size_rows) != (grid.columns, grid.rows):
            self.styles.grid_size_columns = grid.columns
            self.styles.grid_size_rows = grid.rows
        self._shown = len(models)
        missing = len(models) - len(self._charts)
        if missing > 0:
            made = [Chart(mono=self.app.no_color or None) for _ in range(missing)]
            self._charts += made
            self.mount(*made)
        for number, chart in enumerate(self._charts):
            used = number < len(models)
            if chart.display != used:
                chart.display = used
            if used:
                chart.set_class(number == chosen, "-chosen")
            if used and chart.take(models[number]):
                self._behind.setdefault(chart)
            else:
                self._behind.pop(chart, None)
        self._draw(self._charts[:1] + self._charts[chosen or 0 :][:1])

    def _draw(self, urgent: Sequence[Chart]) -> None:
        """The urgent ones, and as many of the others as there is time for."""
        end = time.thread_time() + _TURN_S
        for chart in urgent:
            self._catch_up(chart)
        while self._behind and time.thread_time() < end:
            self._catch_up(next(iter(self._behind)))
        if self._behind and self._turn is None:
            self._turn = self.set_timer(_BREATH_S, self._go_on)

    def _catch_up(self, chart: Chart) -> None:
        if chart in self._behind:
            del self._behind[chart]
            chart.catch_up()

    def _go_on(self) -> None:
        self._turn = None
        self._draw(list(self._behind)[:1])
        if not self._behind:
            self.post_message(self.Drawn())

    def chart_at(self, screen_x: int, screen_y: int) -> Chart | None:
        """The chart under the mouse."""
        return next((chart for chart in self.shown if chart.region.contains(screen_x, screen_y)), None)

    def on_click(self, event: events.Click) -> None:
        """Choose the clicked chart."""
        for number, chart in enumerate(self.shown):
            if event.widget is chart:
                self.post_message(self.Chosen(number, zoom=event.chain == 2))
