"""Many charts to look through: paged, filtered, zoomed and read together. Where their models come from is
the source's matter: one run, several, a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from guardtui.chart.ink import Ink, choose_ink
from guardtui.chart.model import ChartModel
from guardtui.glyphs import ASCII, Glyphs
from guardtui.text import Line, clean
from guardtui.viewmodel import chart_view
from guardtui.viewmodel.chart_reading import dressed, extent_of, marks_beside
from guardtui.viewmodel.chart_source import ChartSource
from guardtui.viewmodel.chart_status import Reading, charts_status
from guardtui.viewmodel.chart_view import NO_PAGE, ChartView, Page
from guardtui.viewmodel.x_window import Span, Window, around, followed, zoomed
from guardtui.widgets.chart import Chart
from guardtui.widgets.chart_grid import ChartGrid
from guardtui.widgets.chart_legend import ChartLegend
from guardtui.widgets.chart_pointer import ChartPointer

_HOVER_S = 0.03
"""The mouse moves more often than charts are worth drawing."""
_FEWEST_STEPS = 4.0
"""Between steps there is nothing to see."""

Change: TypeAlias = Callable[[ChartView], ChartView]


class ChartBoard(ChartPointer, Widget):
    """The grid of charts and all that can be done with it; ``ChartKeys`` binds it to keys."""

    DEFAULT_CSS = """
    ChartBoard { layout: vertical; height: 1fr; width: 1fr; }
    ChartBoard > Input { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    ChartBoard > Input.-open { display: block; }
    """

    class Changed(Message):
        """What ``status`` says may have changed."""

    def __init__(self, glyphs: Glyphs, *, empty: str = "no curves yet", legend: bool = True) -> None:
        """``empty``: what is said while there are no charts at all; ``legend``: one chart alone has its
        values below it."""
        super().__init__()
        self._has_legend = legend
        self._g = glyphs
        self._empty = ChartModel("", empty_text=empty)
        self._source: ChartSource | None = None
        self._drawn_for: object = None
        self._models: list[ChartModel] = []
        self._shown: list[ChartModel] = []
        self._dress: object = None
        self._whole: Span | None = None
        self._hovered: float | None = None
        self._hover_waits = False
        self._pending: tuple[float, str] | None = None
        self.view = ChartView()
        self.page: Page = NO_PAGE

    def compose(self) -> ComposeResult:
        """From the top: charts, the legend of one, the filter while it is typed."""
        yield ChartGrid()
        yield ChartLegend(mono=self.app.no_color or None)
        yield Input(placeholder="words in the names of charts and curves, or re:pattern", compact=True)

    def on_mount(self) -> None:
        """The filter takes keys only while it is open."""
        self.query_one(Input).disabled = True

    @property
    def source(self) -> ChartSource | None:
        """Where the models come from."""
        return self._source

    @property
    def whole(self) -> Span | None:
        """The extent of the data of this page on the chosen axis."""
        return self._whole

    def zoomed(self, factor: float, at: float | None) -> Window | None:
        """The window ``factor`` times as narrow, with ``at`` in its place; None: the whole view."""
        if self._whole is None:
            return self.view.window
        least = _FEWEST_STEPS if self.view.options.axis in ("step", "to end") else 0.0
        return zoomed(self.shown_span, self._whole, factor, at, least=least)

    @property
    def dots(self) -> int:
        """Dot columns in a cell."""
        chosen: Ink | None = getattr(self.app, "ink", None)
        return (chosen or choose_ink(ascii_only=self._g is ASCII)).columns

    @property
    def charts(self) -> Sequence[Chart]:
        """The charts of the page."""
        return self.query_one(ChartGrid).shown

    @property
    def typing(self) -> bool:
        """Whether the filter is being typed."""
        return self.query_one(Input).has_class("-open")

    def show(self, source: ChartSource) -> None:
        """Draw what is new; the view stays as it is."""
        self._source = source
        if self._pending is not None and self.size:
            pending, self._pending = self._pending, None
            self.show_at(*pending)
        self._draw()

    def on_resize(self) -> None:
        """Other charts may fit."""
        self._draw()

    def change(self, view: ChartView) -> None:
        """Another view of the same data."""
        if view != self.view:
            self.view = view
            self._draw()
            self.post_message(self.Changed())

    def _draw(self) -> None:
        width, height = self.size
        source = self._source
        if source is None or width < 1 or height < 1:
            return
        before = (self.page, self.view)
        self.page = chart_view.page_of(self.view, source.choices(), width, height - self.typing)
        self._make_models(source)
        self.view = replace(self.view, window=self._followed(self.view.window))
        self._show_models(height)
        if before != (self.page, self.view):
            self.post_message(self.Changed())

    def _make_models(self, source: ChartSource) -> None:
        """The models of this page, and only when they are others than those there are."""
        wanted = (source.version, self.page.choices, self.view.options)
        if wanted != self._drawn_for:
            self._drawn_for = wanted
            self._models = [source.model(choice, self.view.options) for choice in self.page.choices]
            self._whole = extent_of(self._models, self.view.options.axis)

    def _followed(self, window: Window | None) -> Window | None:
        return window if self._whole is None else followed(window, self._whole)

    def _show_models(self, height: int) -> None:
        """Models with window and cursor; the same objects while nothing changed, so that nothing is drawn."""
        view, at = self.view, self.reading_at
        dress = (self._drawn_for, view.window, at)
        if dress != self._dress:
            self._dress = dress
            self._shown = [dressed(each, view.options.axis, view.window, at) for each in self._models]
        empty = [] if self._shown else [self._nothing()]
        self.query_one(ChartGrid).show(self._shown or empty, self.page.grid, self._marked)
        legend = self._shown[0] if view.full and self._shown and self._has_legend else None
        self.query_one(ChartLegend).show(legend, height - self.typing)

    @property
    def _marked(self) -> int | None:
        return None if self.view.full else self.page.chosen

    def _nothing(self) -> ChartModel:
        if self.view.words and self.page.total:
            return ChartModel("", empty_text=f"no chart matches “{clean(self.view.words)}”: esc shows all")
        return self._empty

    @property
    def reading_at(self) -> float | None:
        """The x at which all charts are read: under the mouse, else at the cursor."""
        return self._hovered if self._hovered is not None else self.view.cursor

    def status(self, width: int) -> Line:
        """Which page, which part, which axes; what is at the cursor."""
        clipped = sum(chart.frame.clipped for chart in self.charts if chart.frame is not None)
        return charts_status(
            self.view, self.page, whole=self._whole, reading=self._reading(), clipped=clipped,
            live=self._source is not None and self._source.live,
            width=width, g=self._g,
        )  # fmt: skip

    def _reading(self) -> Reading | None:
        at = self.reading_at
        if at is None or self._source is None:
            return None
        reach = self.shown_span.width / max(1, self.plot_cells)
        places = self._source.words_at(at, self.view.options.axis)
        return Reading(places, marks_beside(self._shown, self.view.options.axis, at, reach))

    @property
    def reference(self) -> Chart | None:
        """A chart of the page whose x axis is the chosen one: what keys measure by, so it is up to date."""
        for chart in self.charts:
            if chart.model.x_label == self.view.options.axis and chart.model.curves:
                chart.catch_up()
                if chart.frame is not None and chart.frame.area is not None:
                    return chart
        return None

    @property
    def shown_span(self) -> Span:
        """The part of the axis in view."""
        if self.view.window is not None:
            return self.view.window.span
        chart = self.reference
        area = chart.frame.area if chart is not None and chart.frame is not None else None
        return Span(area.x.low, area.x.high) if area is not None else self._whole or Span(0.0, 1.0)

    @property
    def plot_cells(self) -> int:
        """Cells across the curves of one chart."""
        chart = self.reference
        area = chart.frame.area if chart is not None and chart.frame is not None else None
        return area.width if area is not None else 1

    @on(Chart.Hovered)
    def _chart_hovered(self, event: Chart.Hovered) -> None:
        event.stop()
        same = event.chart.model.x_label == self.view.options.axis
        self._hovered = event.x if same else None
        if not self._hover_waits:
            self._hover_waits = True
            self.set_timer(_HOVER_S, self._follow_mouse)

    def _follow_mouse(self) -> None:
        self._hover_waits = False
        self._draw()
        self.post_message(self.Changed())

    def forget_mouse(self) -> None:
        """A key moved the cursor: it counts until the mouse moves again."""
        if self._hovered is not None:
            self._hovered = None
            for chart in self.charts:
                chart.on_leave()

    @on(ChartGrid.Drawn)
    def _charts_drawn(self, event: ChartGrid.Drawn) -> None:
        event.stop()
        self.post_message(self.Changed())

    @on(ChartGrid.Chosen)
    def _chart_chosen(self, event: ChartGrid.Chosen) -> None:
        event.stop()
        if self.was_dragged or event.number >= len(self.page.choices):
            return
        view = chart_view.picked(self.view, self.page.choices[event.number])
        self.change(replace(view, full=view.full != event.zoom))

    def show_at(self, step: float, name: str = "") -> None:
        """Go to a step: the cursor on it, its neighbourhood in view, the chart with curve ``name`` chosen."""
        if self._source is None or not self.size or not self.is_mounted:
            self._pending = (step, name)
            return
        found = next((c for c in self._source.choices() if any(line.name == name for line in c.lines)), None)
        view = replace(self.view, words="") if self.view.words else self.view
        self.change(chart_view.picked(view, found) if found is not None else view)
        self._draw()
        x = self._source.convert(step, "step", self.view.options.axis)
        if x is not None and self._whole is not None:
            x = min(max(x, self._whole.low), self._whole.high)
            self.change(replace(self.view, cursor=x, window=around(x, self.view.window, self._whole)))

    def exported(self) -> tuple[ChartModel, str] | None:
        """The chart that an export is about, and what its data is of."""
        subject = self.page.subject
        if subject is None or self._source is None or not self._shown:
            return None
        return self._shown[self.page.choices.index(subject)], self._source.name()

    def open_filter(self) -> None:
        """Type words: only matching charts stay."""
        field = self.query_one(Input)
        field.disabled = False
        field.add_class("-open")
        field.focus()

    def _close_filter(self) -> None:
        field = self.query_one(Input)
        if self.typing:
            field.remove_class("-open")
            field.disabled = True
            keeper = next(
                (each for each in self.ancestors_with_self if getattr(each, "can_focus", False)), None
            )
            self.screen.set_focus(keeper if isinstance(keeper, Widget) else None)

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.change(chart_view.with_words(self.view, event.value))

    @on(Input.Submitted)
    def _filter_done(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_filter()

    def back(self) -> bool:
        """Esc: undo the last narrowing, one at a time: filter, one chart, zoom, cursor."""
        view = self.view
        if self.typing or view.words:
            self.query_one(Input).value = ""
            self._close_filter()
            self.change(chart_view.with_words(view, ""))
        elif view.full:
            self.change(replace(view, full=False))
        elif view.window is not None:
            self.change(replace(view, window=None))
        elif view.cursor is not None:
            self.change(replace(view, cursor=None))
        else:
            return False
        return True
