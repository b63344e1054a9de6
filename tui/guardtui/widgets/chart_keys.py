"""The keys of every place that shows a board of charts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from textual.widget import Widget

from guardtui.viewmodel import chart_view
from guardtui.viewmodel.chart_options import axis_after, weight_after
from guardtui.viewmodel.x_window import PAN, PAN_FAR, ZOOM, Span, Window, moved_cursor, panned
from guardtui.widgets.chart_board import ChartBoard

if TYPE_CHECKING:
    from guardtui.app import Dashboard

_FAR = 10
"""Dot columns of a fast move of the cursor."""


class ChartKeys(Widget):
    """Actions for the place that has the focus and one board in it. To be named after the pane or screen
    among the bases: styles come from the first one."""

    @property
    def charts(self) -> ChartBoard:
        """The board that the keys are about."""
        return self.query_one(ChartBoard)

    def action_page(self, distance: int) -> None:
        """Another page of charts; when one chart is shown, another chart."""
        board = self.charts
        board.change(chart_view.turned(board.view, board.page, distance))

    def action_chart(self, distance: int) -> None:
        """Choose another chart, in a circle."""
        board = self.charts
        board.change(chart_view.stepped(board.view, board.page, distance))

    def action_enlarge(self) -> None:
        """One chart on the whole screen, or all again."""
        board = self.charts
        board.change(chart_view.enlarged(board.view, board.page))

    def action_columns(self, by: int) -> None:
        """More or fewer columns."""
        board = self.charts
        if not board.view.full:
            board.change(chart_view.with_columns(board.view, board.page, by, board.size.width))

    def action_log(self) -> None:
        """Logarithmic y axis."""
        self._set(log_y=not self.charts.view.options.log_y)

    def action_smooth(self) -> None:
        """Smoothing on or off."""
        self._set(smooth=not self.charts.view.options.smooth)

    def action_weight(self, by: int) -> None:
        """Smooth more or less; where nothing was smoothed it begins."""
        options = self.charts.view.options
        self._set(smooth=True, weight=weight_after(options.weight, by) if options.smooth else options.weight)

    def action_clip(self) -> None:
        """Leave extreme outliers out of the y axis, or take them in again."""
        self._set(clip=not self.charts.view.options.clip)

    def _set(self, **changes: object) -> None:
        board = self.charts
        options = replace(board.view.options, **changes)  # type: ignore[arg-type]
        board.change(replace(board.view, options=options))

    def action_axis(self) -> None:
        """The next x axis that the data has; what was in view stays in view."""
        board = self.charts
        view, source = board.view, board.source
        if source is None:
            return
        before, after = view.options.axis, axis_after(view.options.axis, source.axes)

        def moved(x: float) -> float | None:
            return source.convert(x, before, after)

        window = view.window
        if window is not None:
            low, high = moved(window.low), moved(window.high)
            fits = low is not None and high is not None and low < high
            window = Window(cast("float", low), cast("float", high), window.follows) if fits else None
        cursor = None if view.cursor is None else moved(view.cursor)
        board.forget_mouse()
        board.change(replace(view, options=replace(view.options, axis=after), window=window, cursor=cursor))

    def action_zoom(self, direction: int) -> None:
        """Half as much of the x axis, or twice: at the cursor where it is on, else at the end."""
        board = self.charts
        factor = ZOOM if direction > 0 else 1 / ZOOM
        board.change(replace(board.view, window=board.zoomed(factor, board.reading_at)))

    def action_whole(self) -> None:
        """All of the x axis again."""
        self.charts.change(replace(self.charts.view, window=None))

    def action_sideways(self, direction: int, far: bool) -> None:
        """Move the cursor where it is on, else the window."""
        board = self.charts
        view, whole = board.view, board.whole
        if whole is None:
            return
        if view.cursor is None:
            share = direction * (PAN_FAR if far else PAN)
            board.change(replace(view, window=panned(view.window, whole, share)))
            return
        board.forget_mouse()
        dot = board.shown_span.width / (max(1, board.plot_cells) * board.dots)
        by = direction * dot * (_FAR if far else 1)
        cursor, window = moved_cursor(view.cursor, by, view.window, whole)
        board.change(replace(view, cursor=cursor, window=window))

    def action_end(self, direction: int) -> None:
        """The cursor to the first or last point in view; without a cursor the window to the very ends."""
        board = self.charts
        view, whole = board.view, board.whole
        if whole is None:
            return
        if view.cursor is None:
            board.change(replace(view, window=panned(view.window, whole, direction * float("inf"))))
            return
        board.forget_mouse()
        part = self._part(whole)
        board.change(replace(view, cursor=part.low if direction < 0 else part.high))

    def _part(self, whole: Span) -> Span:
        """The data in view."""
        window = self.charts.view.window
        return whole if window is None else Span(max(window.low, whole.low), min(window.high, whole.high))

    def action_cursor(self) -> None:
        """Read all charts at one place, or no longer: it begins under the mouse, else at the newest point."""
        board = self.charts
        if board.view.cursor is not None or board.whole is None:
            board.change(replace(board.view, cursor=None))
            return
        at = board.reading_at
        board.change(replace(board.view, cursor=self._part(board.whole).high if at is None else at))

    def action_filter(self) -> None:
        """Show only charts with these words in their names."""
        self.charts.open_filter()

    def action_export(self) -> None:
        """Save the chosen chart as a picture, or its data."""
        board = self.charts
        subject = board.exported()
        if subject is None:
            self.app.notify("no chart to export", timeout=2)
            return
        from guardtui.screens.export import ExportScreen

        cast("Dashboard", self.app).push_screen(ExportScreen(*subject))
