"""The charts of one page, in a grid that fits; one of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from guardtui.chart.model import ChartModel
from guardtui.viewmodel.grid import Grid
from guardtui.widgets.chart import Chart

_MOST = 9


class ChartGrid(Widget):
    """Up to nine charts."""

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

    def compose(self) -> ComposeResult:
        """All charts there can be; those without a model are not displayed."""
        for _ in range(_MOST):
            chart = Chart(mono=self.app.no_color or None)
            chart.display = False
            yield chart

    def show(self, models: Sequence[ChartModel], grid: Grid, chosen: int | None) -> None:
        """Draw these models; number ``chosen`` of them is marked."""
        if (self.styles.grid_size_columns, self.styles.grid_size_rows) != (grid.columns, grid.rows):
            self.styles.grid_size_columns = grid.columns
            self.styles.grid_size_rows = grid.rows
        for number, chart in enumerate(self.query(Chart)):
            used = number < len(models)
            if chart.display != used:
                chart.display = used
            if used:
                chart.show(models[number])
                chart.set_class(number == chosen, "-chosen")

    def on_click(self, event: events.Click) -> None:
        """Choose the clicked chart."""
        for number, chart in enumerate(self.query(Chart)):
            if event.widget is chart:
                self.post_message(self.Chosen(number, zoom=event.chain == 2))
