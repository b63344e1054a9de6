"""One run as lines, for printing: its head, its charts one below the other, its signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from guardtui.chart.draw import draw
from guardtui.chart.frame import Frame
from guardtui.chart.ink import Ink
from guardtui.glyphs import Glyphs
from guardtui.snapshot import Curves, RunView
from guardtui.text import Bit, Line, Tone, line
from guardtui.viewmodel.chart_models import ChartOptions
from guardtui.viewmodel.chart_source import RunSource
from guardtui.viewmodel.run_header import header_lines
from guardtui.viewmodel.signal_lines import pane_lines

_CHART_HEIGHT: Final = 12
_MOST_CHARTS: Final = 8
"""What the run logs beside them is told by its name."""
_MOST_SIGNALS: Final = 60
_TONES: Final[Mapping[str, Tone]] = {
    "title": "title", "axis": "dim", "label": "dim", "note": "dim", "empty": "dim", "text": "text",
    "blank": "text",
    "alarm": "bad", "signal": "bad", "stop": "bad", "warning": "warn", "best": "good", "val": "warn",
}  # fmt: skip


def run_page(view: RunView, curves: Curves | None, width: int, g: Glyphs, ink: Ink) -> list[Line]:
    """The whole page in lines of at most ``width`` cells."""
    lines = header_lines(view, width, g)
    if curves is not None and curves.series:
        source = RunSource(view.state, curves)
        choices = source.choices()
        for choice in choices[:_MOST_CHARTS]:
            model = source.model(choice, ChartOptions())
            lines += [(), *_frame_lines(draw(model, width, _CHART_HEIGHT, ink=ink, mono=True))]
        more = len(choices) - _MOST_CHARTS
        lines += [(), line((f"and {more} more charts", "dim"))] if more > 0 else []
    signals = pane_lines(view.state, width, _MOST_SIGNALS, g)
    return [*lines, *([(), *signals] if signals else [])]


def _frame_lines(frame: Frame) -> list[Line]:
    return [
        tuple(Bit(text, _TONES.get(style, "accent")) for text, style, _ in frame.runs(row))
        for row in range(frame.chars.shape[0])
    ]
