"""What the mouse does on a board of charts: the wheel zooms where it points, dragging moves the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual import events
from textual.widget import Widget

from guardtui.viewmodel.chart_view import ChartView
from guardtui.viewmodel.x_window import PAN, WHEEL, Span, Window, panned
from guardtui.widgets.chart import Chart

_LEFT = 1


class ChartPointer(Widget):
    """Mouse handlers of a board; the board has the state."""

    _drag_from: int | None = None
    """Screen column where the window was taken hold of last."""
    was_dragged = False
    """Whether the mouse moved the window since its button went down: then its click chooses nothing."""

    view: ChartView

    @property
    def whole(self) -> Span | None:
        """The extent of the data."""
        raise NotImplementedError

    @property
    def charts(self) -> Sequence[Chart]:
        """The charts of the page."""
        raise NotImplementedError

    def zoomed(self, factor: float, at: float | None) -> Window | None:
        """A narrower window."""
        raise NotImplementedError

    @property
    def plot_cells(self) -> int:
        """Cells across the curves of one chart."""
        raise NotImplementedError

    def change(self, view: ChartView) -> None:
        """Show another view."""
        raise NotImplementedError

    def _chart_under(self, event: events.MouseEvent) -> Chart | None:
        return next((c for c in self.charts if c.region.contains(event.screen_x, event.screen_y)), None)

    def _x_under(self, event: events.MouseEvent) -> float | None:
        """The x of the chosen axis at the mouse."""
        chart = self._chart_under(event)
        if chart is None or chart.frame is None or chart.frame.area is None:
            return None
        if chart.model.x_label != self.view.options.axis:
            return None
        return chart.frame.area.x_at(event.screen_x - chart.content_region.x)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        """Up zooms in at the pointer, down zooms out; with shift or ctrl it moves the window."""
        if self._chart_under(event) is None or self.whole is None:
            return
        event.stop()
        if event.shift or event.ctrl:
            self._sideways(-direction)
            return
        factor = WHEEL if direction > 0 else 1 / WHEEL
        at = self._x_under(event)
        self.change(replace(self.view, window=self.zoomed(factor, at)))

    def _sideways(self, direction: int) -> None:
        if self.whole is not None:
            self.change(replace(self.view, window=panned(self.view.window, self.whole, direction * PAN)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Closer."""
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Farther."""
        self._wheel(event, -1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Earlier."""
        self._sideways(-1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Later."""
        self._sideways(1)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the window."""
        self.was_dragged = False
        held = event.button == _LEFT and self._chart_under(event) is not None
        self._drag_from = event.screen_x if held else None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag it: what was under the mouse stays under it."""
        if self._drag_from is None:
            return
        if event.button != _LEFT:
            self._drag_from = None
            return
        cells = event.screen_x - self._drag_from
        if cells and self.view.window is not None and self.whole is not None:
            self._drag_from = event.screen_x
            self.was_dragged = True
            window = panned(self.view.window, self.whole, -cells / max(1, self.plot_cells))
            self.change(replace(self.view, window=window))

    def on_mouse_up(self) -> None:
        """Let go."""
        self._drag_from = None
