"""The selected run beside or below the list: its state, its deciding curve, its signals."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widget import Widget

from guardtui.chart.model import ChartModel
from guardtui.glyphs import Glyphs
from guardtui.snapshot import Curves, RunView
from guardtui.viewmodel.chart_choice import choose_charts
from guardtui.viewmodel.chart_models import ChartOptions, Timeline, chart_model
from guardtui.viewmodel.run_header import header_lines
from guardtui.viewmodel.signal_lines import pane_lines
from guardtui.widgets.chart import Chart
from guardtui.widgets.lines import Lines

_UNREAD = ChartModel("", empty_text="…")
_MOST_CHARTS = 3
_LEAST_HEIGHT = 8


class Preview(Widget):
    """Redrawn with every snapshot; empty charts until the curves of the selected run have come."""

    DEFAULT_CSS = """
    Preview { layout: vertical; padding: 0 1; }
    Preview #preview-head { margin-bottom: 1; }
    Preview #preview-signals { max-height: 40%; }
    """

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._g = glyphs
        self._latest: tuple[RunView, Curves | None] | None = None

    def compose(self) -> ComposeResult:
        """Head, up to three charts, signals."""
        yield Lines(id="preview-head")
        for _ in range(_MOST_CHARTS):
            chart = Chart(mono=self.app.no_color or None)
            chart.display = False
            yield chart
        yield Lines(id="preview-signals")

    def show_run(self, view: RunView, curves: Curves | None) -> None:
        """Draw this run; at once, or as soon as there is a place."""
        self._latest = (view, curves)
        self._draw_latest()

    def on_mount(self) -> None:
        """Draw what was asked for before there was a place, once there is one."""
        self.call_after_refresh(self._draw_latest)

    def on_resize(self) -> None:
        """Draw what was asked for last."""
        self._draw_latest()

    def _draw_latest(self) -> None:
        if self._latest is not None and self.is_mounted and self.size:
            self._draw(*self._latest)

    def _draw(self, view: RunView, curves: Curves | None) -> None:
        width = max(20, self.content_size.width)
        self.query_one("#preview-head", Lines).show(header_lines(view, width, self._g))
        room = max(1, self.content_size.height // 5)
        signals = pane_lines(view.state, width, room, self._g)
        self.query_one("#preview-signals", Lines).show(signals)
        self._show_charts(view, curves, self.content_size.height - 4 - len(signals))

    def _show_charts(self, view: RunView, curves: Curves | None, height: int) -> None:
        charts = list(self.query(Chart))
        if curves is None:
            for chart in charts:
                chart.show(_UNREAD)  # never the curves of the run that was selected before
            return
        monitor = view.state.monitor.name if view.state.monitor else None
        choices = choose_charts(curves.series, monitor)[: max(1, min(_MOST_CHARTS, height // _LEAST_HEIGHT))]
        timeline = Timeline.of(curves.series, view.state)
        for number, chart in enumerate(charts):
            used = number < len(choices)
            if chart.display != used:
                chart.display = used
            if used:
                chart.show(chart_model(choices[number], curves.series, view.state, timeline, ChartOptions()))
