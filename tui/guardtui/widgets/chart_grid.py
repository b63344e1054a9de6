"""The charts of one page, in a grid that fits; one of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message
from textual.widget import Widget

from guardtui.chart.model import ChartModel
from guardtui.viewmodel.grid import Grid
from guardtui.widgets.chart import Chart


class ChartGrid(Widget):
    """As many charts as are asked for; they are made when they are first needed."""

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

    def __init__(self) -> None:
        super().__init__()
        self._charts: list[Chart] = []
        self._shown = 0

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
                chart.show(models[number])
                chart.set_class(number == chosen, "-chosen")

    def chart_at(self, screen_x: int, screen_y: int) -> Chart | None:
        """The chart under the mouse."""
        return next((chart for chart in self.shown if chart.region.contains(screen_x, screen_y)), None)

    def on_click(self, event: events.Click) -> None:
        """Choose the clicked chart."""
        for number, chart in enumerate(self.shown):
            if event.widget is chart:
                self.post_message(self.Chosen(number, zoom=event.chain == 2))
