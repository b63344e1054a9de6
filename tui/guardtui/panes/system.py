"""The machine: GPUs, processor, memory, disk, network, and whether the data keeps up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual import on
from textual.app import ComposeResult

from guardtui.panes.pane import Pane
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Line, line
from guardtui.viewmodel.chart_choice import Choice
from guardtui.viewmodel.chart_source import RunSource
from guardtui.viewmodel.paragraphs import broken
from guardtui.viewmodel.system_table import gpus_of, has_samples, nothing_words, system_choices, table_of
from guardtui.widgets.chart_board import ChartBoard
from guardtui.widgets.chart_keys import ChartKeys
from guardtui.widgets.lines import Lines

_WIDEST = 160


class MachineSource(RunSource):
    """The charts of a run that are about its machine."""

    def choices(self) -> Sequence[Choice]:
        """Machine first, then the times that a slow machine shows in."""
        return system_choices(tuple(self._curves.series))


class SystemPane(Pane, ChartKeys):
    """Newest numbers and peaks in a line or two, charts below."""

    where = "system"
    title = "system"
    DEFAULT_CSS = """
    SystemPane { layout: vertical; }
    SystemPane > Lines { padding: 0 1; height: auto; margin: 0 0 1 0; }
    """

    def wants(self, path: Path) -> Wants:
        """The curves; the names of GPUs from what the launcher knew."""
        return Wants(curves=(path,), detail=path, console=0)

    def compose(self) -> ComposeResult:
        """Table and charts."""
        yield Lines(id="machine")
        yield ChartBoard(self.g, empty="no numbers of the machine")

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """Draw the machine as it is now."""
        table, width = self.query_one("#machine", Lines), min(_WIDEST, self.size.width - 2)
        curves = snapshot.curves.get(view.path)
        if curves is None or width < 1:
            table.show([line(("reading…", "dim"))])
            return
        detail = snapshot.detail if snapshot.detail and snapshot.detail.path == view.path else None
        if has_samples(curves.series):
            gpus = gpus_of(view.state, detail.launch if detail else {})
            table.show(table_of(curves.series, view.state, gpus, width))
        else:
            table.show(broken(nothing_words(view.state), width, "dim"))
        source = MachineSource(view.state, curves)
        self.charts.display = bool(source.choices())
        if self.charts.display:
            self.charts.show(source)

    def status(self, view: RunView, width: int) -> Line:
        """Which page, which axes."""
        return self.charts.status(width)

    def back(self) -> bool:
        """Undo the last narrowing of the charts."""
        return self.charts.back()

    @on(ChartBoard.Changed)
    def _charts_changed(self) -> None:
        self.changed()
