"""The chart widget: draws a model when it changes, and sends to the terminal only what differs."""

from __future__ import annotations

import time
from dataclasses import replace

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.timer import Timer

from guardtui.chart.draw import draw
from guardtui.chart.frame import Frame, Memory, changed_spans
from guardtui.chart.ink import Ink
from guardtui.chart.model import ChartModel
from guardtui.widgets import partial_updates
from guardtui.widgets.framed import Framed


class Chart(Framed):
    """Shows one :class:`ChartModel`; useful from about 24 by 5 cells."""

    DEFAULT_CSS = """
    Chart { width: 1fr; height: 1fr; }
    """

    TITLE_SECONDS = 0.9
    """Newest values in the title row change no more often than this, and than the curves of a long run."""

    class Hovered(Message):
        """The mouse is over the step ``x`` of this chart; None: it left the curves."""

        def __init__(self, chart: Chart, x: float | None) -> None:
            super().__init__()
            self.chart = chart
            self.x = x

        @property
        def control(self) -> Chart:
            """The chart under the mouse."""
            return self.chart

    def __init__(
        self,
        model: ChartModel | None = None,
        *,
        ink: Ink | None = None,
        mono: bool | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """``ink`` and ``mono`` (no colours) follow the terminal when they are None."""
        super().__init__(ink=ink, mono=mono, id=id, classes=classes)
        self._model = model or ChartModel("")
        self._memory = Memory()
        self._behind = False
        """Whether the frame shows an earlier model."""
        self._hover_x: float | None = None
        self._title_drawn = 0.0
        self._title_timer: Timer | None = None

    @property
    def model(self) -> ChartModel:
        """What was last shown."""
        return self._model

    @property
    def frame(self) -> Frame | None:
        """What is on the screen, or None before the first drawing."""
        return self._frame

    def show(self, model: ChartModel) -> None:
        """Draw another state of the chart. Nothing is sent when nothing changed."""
        if self.take(model):
            self.catch_up()

    def take(self, model: ChartModel) -> bool:
        """Another state of the chart, for ``catch_up`` to draw; whether there is anything to draw."""
        if model is self._model and self._frame is not None:
            return self._behind
        if model.title != self._model.title or model.log_y != self._model.log_y:
            self._memory = Memory()
        self._model = model
        self._behind = True
        return True

    def catch_up(self) -> None:
        """Draw the state that was taken last, unless that was done meanwhile."""
        if self._behind:
            self._redraw()

    def on_mount(self) -> None:
        """Let updates of a part of a row send that part alone."""
        partial_updates.install()

    def _redraw(self) -> None:
        width, height = self.size
        if width < 1 or height < 1:
            self._frame = None
            return
        before, after = self._frame, self._draw(width, height)
        if before is not None and self._holds_title(before, after):
            for old, new in ((before.chars, after.chars), (before.styles, after.styles)):
                new[0] = old[0]
        elif height > 1:
            self._title_drawn = time.monotonic()
        self._frame = after
        spans = changed_spans(before, after)
        if spans:
            self.refresh(*(Region(start, row, end - start, 1) for row, start, end in spans))

    def _holds_title(self, before: Frame, after: Frame) -> bool:
        """Whether the title row keeps its old values for now: they alone would cost most of the bytes.

        A title whose shape changes (a NaN, another curve, a readout) is drawn at once.
        """
        if before.chars.shape != after.chars.shape or after.chars.shape[0] < 2 or self._hover_x is not None:
            return False
        if not (before.styles[0] == after.styles[0]).all() or (before.chars[0] == after.chars[0]).all():
            return False
        wait = self._title_drawn + self.TITLE_SECONDS - time.monotonic()
        if wait <= 0 or self._model.readout is not None:
            return False
        if self._title_timer is None:
            self._title_timer = self.set_timer(wait, self._renew_title)
        return True

    def _renew_title(self) -> None:
        self._title_timer = None
        self._title_drawn = 0.0
        self._redraw()

    def _draw(self, width: int, height: int) -> Frame:
        model, self._behind = self._model, False
        if self._hover_x is not None:
            model = replace(model, readout=self._hover_x)
        frame = draw(model, width, height, memory=self._memory, ink=self._ink, mono=self._mono)
        self._memory = frame.memory
        return frame

    def on_resize(self) -> None:
        """Another size may need another gutter; the limits stay."""
        self._memory = replace(self._memory, gutter=0)
        self._redraw()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Read the curves at the mouse."""
        offset = event.get_content_offset(self)
        area = self._frame.area if self._frame is not None else None
        self._hover(area.x_at(offset.x) if offset is not None and area is not None else None)

    def on_leave(self) -> None:
        """Back to the newest values."""
        self._hover(None)

    def _hover(self, x: float | None) -> None:
        if x == self._hover_x:
            return
        self._hover_x = x
        self._redraw()
        self.post_message(self.Hovered(self, x))
