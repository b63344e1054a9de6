"""The ranks side by side: who is slow, whose numbers differ."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult

from guardtui.panes.pane import Pane
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Line, line
from guardtui.viewmodel.paragraphs import broken
from guardtui.viewmodel.ranks import few_ranks_words, rank_lines, ranks_of, slowest, times_chart
from guardtui.widgets.chart import Chart
from guardtui.widgets.lines import Lines

_WIDEST = 140
_LEAST_CHART = 7


class RanksPane(Pane):
    """A table, and the times of each rank as a chart."""

    where = "ranks"
    title = "ranks"
    DEFAULT_CSS = """
    RanksPane { layout: vertical; }
    RanksPane > Lines { padding: 0 1; height: auto; }
    RanksPane > Chart { height: 1fr; margin: 1 1 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._top = 0
        self._about = ""

    def wants(self, path: Path) -> Wants:
        """The curves of every rank."""
        return Wants(detail=path, console=0)

    def compose(self) -> ComposeResult:
        """Table and chart."""
        yield Lines()
        chart = Chart(mono=self.app.no_color or None)
        chart.display = False
        yield chart

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """Draw the ranks as they are now."""
        detail, width = snapshot.detail, min(_WIDEST, self.size.width - 2)
        table, chart = self.query_one(Lines), self.query_one(Chart)
        if detail is None or detail.path != view.path or width < 1:
            table.show([line(("reading…", "dim"))])
            return
        ranks = ranks_of(detail.ranks)
        alone = few_ranks_words(ranks, view)
        self._about = "" if alone else f"{len(ranks)} ranks"
        if slow := slowest(ranks):
            self._about = f"rank {slow.number} is slow"
        chart.display = not alone and self.size.height >= _LEAST_CHART + 6
        if alone:
            table.show(broken(alone, width, "dim"))
            return
        head, space, titles, *rows = rank_lines(ranks, view, width, self.g)
        room = max(1, self.size.height - 3 - (_LEAST_CHART + 1 if chart.display else 0))
        self._top = max(0, min(self._top, len(rows) - room))
        shown = rows[self._top : self._top + room]
        if len(rows) > room:
            last = self._top + len(shown)
            self._about += f", {self._top + 1} to {last} shown" if self._about else ""
        table.show([head, space, titles, *shown])
        if chart.display:
            chart.show(times_chart(detail.ranks, ranks, slowest(ranks)))

    def status(self, view: RunView, width: int) -> Line:
        """Who is slow."""
        return line((self._about, "text" if "shown" in self._about else "dim"))

    def action_scroll(self, distance: int) -> None:
        """Other ranks."""
        self._top = max(0, self._top + distance)
        self.changed()

    def action_edge(self, direction: int) -> None:
        """The first or the last ranks."""
        self._top = 0 if direction < 0 else 1_000_000
        self.changed()
