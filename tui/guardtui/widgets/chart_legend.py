"""The legend below a chart that has the whole screen."""

from __future__ import annotations

from textual.geometry import Region

from guardtui.chart.frame import Frame, changed_spans
from guardtui.chart.legend import draw_legend
from guardtui.chart.model import ChartModel
from guardtui.widgets.framed import Framed

_SHARE = 3
"""It takes at most a third of the height."""
_LEAST_ROOM = 12
"""Rows below which the chart keeps them all."""
_ROOMY = 24
"""Rows from which on the legend stands apart."""


class ChartLegend(Framed):
    """Every curve of one chart with its values; only cells that change are sent."""

    DEFAULT_CSS = """
    ChartLegend { height: auto; width: 1fr; margin: 0 0 0 1; display: none; }
    ChartLegend.-roomy { margin: 1 0 1 1; }
    """

    def __init__(self, *, mono: bool | None = None) -> None:
        super().__init__(mono=mono)
        self._model = ChartModel("")

    def show(self, model: ChartModel | None, room: int) -> None:
        """The values of this chart, in a part of ``room`` rows; None hides it."""
        wanted = 0 if model is None or not model.curves else min(len(model.curves) + 1, room // _SHARE)
        used = wanted >= 2 and room >= _LEAST_ROOM
        if self.display != used:
            self.display = used
        if model is None or not used:
            return
        self.set_class(room >= _ROOMY, "-roomy")
        if self.styles.height is None or self.styles.height.value != wanted:
            self.styles.height = wanted
        if model is not self._model:
            self._model = model
            self._redraw()

    def on_resize(self) -> None:
        """Other columns may fit."""
        self._redraw()

    def _redraw(self) -> None:
        width, height = self.size
        if width < 1 or height < 1:
            self._frame = None
            return
        before, self._frame = self._frame, self._draw(width, height)
        spans = changed_spans(before, self._frame)
        if spans:
            self.refresh(*(Region(start, row, end - start, 1) for row, start, end in spans))

    def _draw(self, width: int, height: int) -> Frame:
        return draw_legend(self._model, width, height, ink=self._ink, mono=self._mono)
