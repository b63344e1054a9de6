"""Several runs together: their curves in one set of charts, a legend that tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from guardtui.bindings import bindings_for
from guardtui.chart.ink import Ink, choose_ink
from guardtui.chart.model import Curve
from guardtui.glyphs import ASCII
from guardtui.screens.acts import ActsOnRuns
from guardtui.screens.differences import DifferencesScreen
from guardtui.screens.export import ExportScreen
from guardtui.screens.whole import WholeScreen
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Line, line
from guardtui.viewmodel.chart_reading import dressed
from guardtui.viewmodel.comparison import Comparison
from guardtui.viewmodel.reach import idle_keys
from guardtui.viewmodel.together import Roster, Row
from guardtui.viewmodel.together_entries import Entry, entries, mode_of
from guardtui.viewmodel.together_legend import legend_lines, legend_width, status_words, title_line
from guardtui.viewmodel.together_source import Drawn, TogetherSource
from guardtui.widgets.chart_board import ChartBoard
from guardtui.widgets.chart_keys import ChartKeys
from guardtui.widgets.key_bar import KeyBar
from guardtui.widgets.lines import Lines
from guardtui.widgets.problem import Problem
from guardtui.widgets.run_legend import RunLegend

_WIDE: Final = 120
"""From this width on the legend stands at the right of the charts, else below them."""
_LEAST_PANEL, _PANEL_SHARE = 44, 0.38
"""Cells of the legend at the right, and the most of the width that it takes."""
_SHARE = 3
"""Below the charts it takes at most a third of the height."""


class TogetherScreen(ActsOnRuns, ChartKeys, WholeScreen):
    """Head, charts, legend, status, keys. Keys that act mean the run that is chosen in the legend."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("together")]
    CSS = """
    TogetherScreen > Lines { padding: 0 1; height: 1; }
    TogetherScreen #parts { height: 1fr; layout: vertical; }
    TogetherScreen.-wide #parts { layout: horizontal; }
    TogetherScreen RunLegend { width: 1fr; padding: 0 1; }
    TogetherScreen.-wide RunLegend { height: 1fr; padding: 0 1; border-left: solid $guard-line; }
    TogetherScreen.-wide.-tall #head { margin-bottom: 1; height: 1; }
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._roster = Roster(paths)
        self._comparison = Comparison()
        self._drawn = Drawn()
        self._rows: tuple[Row, ...] = ()
        self._views: tuple[RunView, ...] = ()
        self._source: TogetherSource | None = None
        self._chosen: object = self._roster.paths[0] if paths else None
        self._place = 0
        self._legend = True

    @property
    def wants(self) -> Wants:
        """The curves of all of them: one that is switched off is soon switched on again."""
        return Wants(curves=self._roster.paths)

    @property
    def row(self) -> Row | None:
        """The row that is chosen in the legend."""
        return self._rows[self._place] if self._rows else None

    @property
    def meant(self) -> tuple[Path, ...]:
        """The run that is chosen in the legend; of a group those that are switched on."""
        row = self.row
        return tuple(view.path for view in row.on or row.views) if row is not None else ()

    def compose(self) -> ComposeResult:
        """From the top: head, charts and legend, status, keys."""
        yield Lines(id="head")
        yield Problem()
        with Container(id="parts"):
            yield ChartBoard(self.g, empty="no curves yet", legend=False)
            yield RunLegend(id="legend")
        yield Lines(id="status")
        yield KeyBar("together", readonly=self.board.readonly)

    def on_mount(self) -> None:
        """Ask for the curves."""
        self.apply(self.board.snapshot)

    def on_screen_resume(self) -> None:
        """Coming back from another screen."""
        self.apply(self.board.snapshot)

    def on_resize(self, event: events.Resize) -> None:
        """Arrange anew."""
        self.set_class(event.size.width >= _WIDE, "-wide")
        self.set_class(event.size.height >= 30, "-tall")
        self.apply(self.board.snapshot)
        self.call_after_refresh(lambda: self.apply(self.board.snapshot))

    def apply(self, snapshot: Snapshot) -> None:
        """Draw the runs as they are in this snapshot."""
        if not self.is_mounted or not self.size.width:
            return
        self.board.look()
        self.query_one(Problem).say(snapshot.problem)
        self._views = self._roster.views(snapshot.by_path)
        self._comparison.of(self._views)
        self._set_rows(self._roster.rows(self._views))
        self.query_one(KeyBar).rest(idle_keys(self.row.views if self.row is not None else ()))
        self._source = TogetherSource(
            self._rows, snapshot.curves, band=self._roster.band(self._views),
            names=self._comparison.names, drawn=self._drawn,
            reference=self.row.views[0].path if self.row is not None else None,
        )  # fmt: skip
        self._say(snapshot)
        self._arrange()
        self.charts.show(self._source)
        self._explain()
        if all(view.path in snapshot.curves for view in self._views):
            self.complete()

    def _set_rows(self, rows: tuple[Row, ...]) -> None:
        """The chosen row stays chosen while others come and go around it."""
        keys = [row.key for row in rows]
        if self._chosen in keys:
            self._place = keys.index(self._chosen)
        elif rows:
            self._place = min(self._place, len(rows) - 1)
            self._chosen = keys[self._place]
        self._rows = rows

    def _say(self, snapshot: Snapshot) -> None:
        width = self.size.width - 2
        if not self._views:
            word = "reading…" if snapshot.loading else "none of these runs is there any more"
            self.query_one("#head", Lines).show([line((word, "dim"))])
            return
        gone = 0 if snapshot.loading else len(self._roster.paths) - len(self._views)
        self.query_one("#head", Lines).show(
            [title_line(self._rows, gone, self._comparison.unfair, width, self.g)]
        )

    def _arrange(self) -> None:
        """Give the legend its place before the charts are drawn in what is left."""
        legend = self.query_one(RunLegend)
        used = self._legend and bool(self._rows)
        if legend.display != used:
            legend.display = used
        if self.has_class("-wide"):
            most = max(_LEAST_PANEL, int(self.size.width * _PANEL_SHARE))
            wanted = min(most, max(_LEAST_PANEL, legend_width(self._entries(), at=True) + 3))
            if legend.styles.width is None or legend.styles.width.value != wanted:
                legend.styles.width = wanted
            legend.styles.height = "1fr"
        else:
            rows = min(len(self._rows) + 1, max(3, self.query_one("#parts").size.height // _SHARE))
            legend.styles.width = "1fr"
            if legend.styles.height is None or legend.styles.height.value != rows:
                legend.styles.height = rows

    def _entries(self) -> list[Entry]:
        source, subject = self._source, self.charts.page.subject
        metric = subject.title if subject is not None else ""
        axis = self.charts.view.options.axis

        def curve_of(row: Row) -> Curve | None:
            if source is None or subject is None:
                return None
            made = source.plotted(row, subject, source.axis_of(subject, axis))
            return made.curve if made is not None else None

        at = self.charts.reading_at
        mode = mode_of(metric, source.monitor if source is not None else None)
        return entries(self._rows, self._comparison.differs, self._comparison.names, curve_of, mode, at)

    def _explain(self) -> None:
        """The legend and the line below it: what the charts of now need."""
        legend = self.query_one(RunLegend)
        subject = self.charts.page.subject
        if legend.display:
            shown = legend_lines(
                self._entries(), self._place, legend.content_size.width, legend.content_size.height,
                self._ink, self.g, metric=subject.title if subject is not None else "",
                at=self.charts.reading_at is not None,
            )  # fmt: skip
            keys = [each.row.key if each is not None else None for each in shown.entries]
            legend.show_rows(shown.lines, keys, _roles(shown.entries), shown.selected)
        self.query_one("#status", Lines).show([self._status(self.size.width - 2)])

    def _status(self, width: int) -> Line:
        band = self._source.band if self._source is not None else "lines"
        return status_words(band, self.charts.status, width, self.g)

    @property
    def _ink(self) -> Ink:
        chosen: Ink | None = getattr(self.board, "ink", None)
        return chosen or choose_ink(ascii_only=self.g is ASCII)

    @on(ChartBoard.Changed)
    def _charts_changed(self) -> None:
        self._explain()

    @on(RunLegend.Chosen)
    def _row_clicked(self, event: RunLegend.Chosen) -> None:
        self._chosen = event.key
        self.apply(self.board.snapshot)
        if event.sample:
            self.action_switch()
        elif event.again:
            self.action_open()

    @on(RunLegend.Moved)
    def _wheel_turned(self, event: RunLegend.Moved) -> None:
        self.action_choose(event.distance)

    def action_choose(self, distance: int) -> None:
        """Another row of the legend."""
        if self._rows:
            self._place = min(max(0, self._place + distance), len(self._rows) - 1)
            self._chosen = self._rows[self._place].key
            self.apply(self.board.snapshot)

    def action_switch(self) -> None:
        """Switch the chosen run off or on; a group with all its runs."""
        if self.row is not None:
            self._roster.switch([view.path for view in self.row.on or self.row.views])
            self.apply(self.board.snapshot)

    def action_solo(self) -> None:
        """The chosen run or group alone; again: all."""
        if self.row is not None:
            self._roster.solo([view.path for view in self.row.views])
            self.apply(self.board.snapshot)

    def action_band(self) -> None:
        """The next way to draw repeats of one configuration."""
        if self._roster.next_band(self._views):
            self.apply(self.board.snapshot)
        else:
            self.notify("no two of these runs are repeats of one configuration", timeout=3)

    def action_legend(self) -> None:
        """Show or hide the legend."""
        self._legend = not self._legend
        self.apply(self.board.snapshot)
        self.call_after_refresh(lambda: self.apply(self.board.snapshot))

    def action_differences(self) -> None:
        """What the runs do not have alike."""
        self.board.push_screen(DifferencesScreen(self._roster))

    def action_open(self) -> None:
        """Open the chosen run; from the head of a group to its first run."""
        row = self.row
        if row is not None and row.kind == "group":
            self.action_choose(1)
        elif row is not None:
            self.board.open_run(row.views[0].path)

    def action_info(self) -> None:
        """Everything about the chosen run."""
        if self.row is not None:
            self.board.open_run(self.row.views[0].path, "origin")

    def action_export(self) -> None:
        """Save the chosen chart; in a file curves have their runs' names."""
        subject, source, view = self.charts.page.subject, self._source, self.charts.view
        if subject is None or source is None:
            self.notify("no chart to export", timeout=2)
            return
        model = source.named_model(subject, view.options)
        model = dressed(model, view.options.axis, view.window, None)
        self.board.push_screen(ExportScreen(model, source.name()))

    def action_back(self) -> None:
        """Undo a narrowing of the charts, then what was switched off; else back to the list of runs."""
        if self.charts.back():
            return
        if self._roster.off:
            self._roster.off = frozenset()
            self.apply(self.board.snapshot)
        else:
            self.dismiss()


def _roles(shown: Sequence[Entry | None]) -> list[str]:
    """The colour of each line's sample: a row has it on its first line."""
    before = [None, *shown]
    pairs = zip(shown, before, strict=False)
    return [each.row.role if each is not None and each is not last else "" for each, last in pairs]
