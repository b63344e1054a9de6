"""All runs, worst signal first; a preview of the selected one where there is room."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Input

from guardtui.bindings import bindings_for
from guardtui.screens.board import BoardScreen
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.viewmodel.fleet_title import empty_lines, title_line
from guardtui.viewmodel.ordering import ORDERS, arranged
from guardtui.widgets.fleet_table import FleetTable
from guardtui.widgets.key_bar import KeyBar
from guardtui.widgets.lines import Lines
from guardtui.widgets.problem import Problem

if TYPE_CHECKING:
    from guardtui.widgets.preview import Preview

_WIDE = 150
"""From this width on the preview stands at the right."""
_TALL = 34
"""From this height on it stands below the list."""


class FleetScreen(BoardScreen):
    """The list of runs."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("fleet")]
    CSS = """
    FleetScreen #title { padding: 0 1; margin-bottom: 1; }
    FleetScreen #list { height: 1fr; layout: vertical; }
    FleetScreen #empty { padding: 0 3; height: 1fr; display: none; }
    FleetScreen.-empty #empty { display: block; }
    FleetScreen.-empty #list { display: none; }
    FleetScreen Preview { display: none; }
    FleetScreen.-tall Preview { display: block; height: 50%; border-top: solid $guard-line; }
    FleetScreen.-wide #list { layout: horizontal; }
    FleetScreen.-wide Preview { display: block; width: 44%; height: 1fr; border-left: solid $guard-line; }
    FleetScreen Input { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    FleetScreen Input.-open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._order = 0
        self._text = ""
        self._made_preview: Preview | None = None

    def compose(self) -> ComposeResult:
        """Title, list, footer; the preview comes with the first run."""
        yield Lines(id="title")
        yield Problem()
        yield Lines(id="empty")
        with Container(id="list"):
            yield FleetTable(self.g)
        yield Input(placeholder="words in name, group, status, metric or signal", disabled=True, compact=True)
        yield KeyBar("fleet", readonly=self.board.readonly)

    @property
    def wants(self) -> Wants:
        """The curves of the run in the preview, where there is room for one."""
        previewed = self._previewed
        return Wants() if previewed is None else Wants(curves=(previewed,))

    @property
    def _previewed(self) -> Path | None:
        roomy = self.has_class("-wide") or self.has_class("-tall")
        return self.selected.path if roomy and self.selected else None

    @property
    def selected(self) -> RunView | None:
        """The run under the cursor."""
        return self.query_one(FleetTable).selected

    def on_mount(self) -> None:
        """Draw at once."""
        self.apply(self.board.snapshot)

    def on_screen_resume(self) -> None:
        """Coming back from another screen."""
        self.apply(self.board.snapshot)

    def on_resize(self, event: events.Resize) -> None:
        """Choose where the preview goes."""
        wide = event.size.width >= _WIDE
        self.set_class(wide, "-wide")
        self.set_class(not wide and event.size.height >= _TALL, "-tall")
        self.apply(self.board.snapshot)

    def apply(self, snapshot: Snapshot) -> None:
        """Draw the runs of this snapshot."""
        if not self.is_mounted or not self.size.width:
            return
        views = arranged(snapshot.runs, self._order, self._text)
        width = self.size.width - 2
        title = title_line(snapshot, len(views), self._order, self._text, width, self.g)
        self.query_one("#title", Lines).show([title])
        self.query_one(Problem).say(snapshot.problem)
        self.set_class(not views, "-empty")
        self.query_one("#empty", Lines).show(
            empty_lines(snapshot, self._text, width - 4) if not views else []
        )
        self.query_one(FleetTable).show_runs(views)
        self._preview()

    def _preview(self) -> None:
        self.board.look()
        view = self.selected
        if view is not None and self._previewed is not None:
            self._shown_preview().show_run(view, self.board.snapshot.curves.get(view.path))

    def _shown_preview(self) -> Preview:
        """The preview, made when it is first needed."""
        from guardtui.widgets.preview import Preview  # numpy: not before the first frame

        if self._made_preview is None:
            self._made_preview = Preview(self.g)
            self.query_one("#list").mount(self._made_preview)
        return self._made_preview

    @on(FleetTable.Highlighted)
    def _highlighted(self) -> None:
        self._preview()

    @on(FleetTable.Opened)
    def action_open(self) -> None:
        """Open the selected run."""
        if self.selected is not None:
            self.board.open_run(self.selected.path)

    def action_move(self, distance: int) -> None:
        """Move the cursor."""
        self.query_one(FleetTable).move(distance)

    def action_edge(self, direction: int) -> None:
        """To the first or the last run."""
        self.query_one(FleetTable).move(direction * len(self.board.snapshot.runs))

    def action_acknowledge(self) -> None:
        """Say that the signals of the selected run are known."""
        if self.selected is not None:
            self.board.acknowledge(self.selected.path)

    def action_stop(self) -> None:
        """Ask about stopping the selected run."""
        if self.selected is not None:
            self.board.ask_stop(self.selected.path)

    def action_info(self) -> None:
        """Everything about the selected run."""
        if self.selected is not None:
            self.board.open_run(self.selected.path, "origin")

    def action_order(self) -> None:
        """The next order."""
        self._order = (self._order + 1) % len(ORDERS)
        self.apply(self.board.snapshot)

    def action_filter(self) -> None:
        """Type words to list only matching runs."""
        field = self.query_one(Input)
        field.disabled = False
        field.add_class("-open")
        field.focus()

    def action_back(self) -> None:
        """Clear the filter."""
        self.query_one(Input).value = ""
        self._close_filter()

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        self._text = event.value
        self.apply(self.board.snapshot)

    @on(Input.Submitted)
    def _close_filter(self) -> None:
        field = self.query_one(Input)
        field.remove_class("-open")
        field.disabled = True
        self.set_focus(None)
