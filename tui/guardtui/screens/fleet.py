"""All runs, worst signal first; a preview of the selected one where there is room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from guardtui.bindings import bindings_for
from guardtui.screens.acts import ActsOnRuns
from guardtui.screens.whole import WholeScreen
from guardtui.snapshot import Curves, RunView, Snapshot, Wants
from guardtui.viewmodel.filtering import parse, standing
from guardtui.viewmodel.fleet_title import empty_lines, title_line, verdict_line
from guardtui.viewmodel.grouping import Group, next_grouping
from guardtui.viewmodel.listing import Listed, Lister, Wish
from guardtui.viewmodel.ordering import next_order, order_by_column
from guardtui.viewmodel.reach import idle_keys
from guardtui.widgets.filter_field import FilterField
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


class FleetScreen(ActsOnRuns, WholeScreen):
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
    """

    def __init__(self) -> None:
        super().__init__()
        self._lister = Lister()
        self._listed = Listed()
        self._wish = Wish()
        self._typed = self._wish.sought
        self._chosen: set[Path] = set()
        self._made_preview: Preview | None = None
        self._drawn: tuple[RunView, Curves | None] | None = None

    def compose(self) -> ComposeResult:
        """Title, list, footer; the preview comes with the first run."""
        yield Lines(id="title")
        yield Problem()
        yield Lines(id="empty")
        with Container(id="list"):
            yield FleetTable(self.g)
        yield FilterField()
        yield KeyBar("fleet", readonly=self.board.readonly)

    @property
    def wants(self) -> Wants:
        """The curves of the run in the preview, if there is room for one; the metrics of the filter."""
        previewed = self._previewed
        metrics = self._wish.sought.metrics
        return Wants(metrics=metrics) if previewed is None else Wants(curves=(previewed,), metrics=metrics)

    @property
    def _previewed(self) -> Path | None:
        roomy = self.has_class("-wide") or self.has_class("-tall")
        row = self.table.row
        view = row.views[0] if isinstance(row, Group) else row
        return view.path if roomy and view is not None else None

    @property
    def table(self) -> FleetTable:
        """The list."""
        return self.query_one(FleetTable)

    @property
    def selected(self) -> RunView | None:
        """The run under the cursor."""
        return self.table.selected

    @property
    def targets(self) -> tuple[RunView, ...]:
        """The runs that a key is meant for: those that were selected, else the one under the cursor."""
        if self._chosen:
            return tuple(view for view in self.board.snapshot.runs if view.path in self._chosen)
        row = self.table.row
        return row.views if isinstance(row, Group) else (row,) if row is not None else ()

    @property
    def meant(self) -> tuple[Path, ...]:
        """The runs that a key is meant for."""
        return tuple(view.path for view in self.targets)

    def on_mount(self) -> None:
        """Draw at once."""
        self._painting = True
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
        kept = self.board.settings.current
        self._wish = replace(
            self._wish, order=kept.order, reverse=kept.reverse, by=kept.group_by,
            pins=frozenset(kept.pinned), hidden=frozenset(kept.hidden),
        )  # fmt: skip
        self._chosen &= snapshot.by_path.keys()
        self._listed = listed = self._lister.listed(snapshot.runs, self._wish)
        width = self.size.width - 2
        title = title_line(snapshot, listed, self._wish, width, self.g, chosen=len(self._chosen))
        self.query_one("#title", Lines).show([title])
        self.query_one(Problem).say(snapshot.problem)
        self.set_class(not listed.rows, "-empty")
        empty = (
            []
            if listed.rows
            else empty_lines(snapshot, listed, self._wish, width - 4, demo=self._demo_place is not None)
        )
        self.query_one("#empty", Lines).show(empty)
        self.table.show_runs(
            listed, self._wish, chosen=self._chosen, columns=(kept.columns, kept.columns_off)
        )
        self._judge_text()
        self._preview()

    def _judge_text(self) -> None:
        field = self.query_one(FilterField)
        if field.has_class("-open"):
            matches = len(self._listed.runs)
            field.say(verdict_line(self._typed, self._wish.sought, matches, self.size.width - 2))

    def _preview(self) -> None:
        self.board.look()
        self.query_one(KeyBar).rest(idle_keys(self.targets))
        view = self.board.snapshot.by_path.get(self._previewed) if self._previewed else None
        if view is None:
            return
        drawn = (view, self.board.snapshot.curves.get(view.path))
        if drawn != self._drawn:  # views and curves are the same objects while nothing changed
            self._drawn = drawn
            self._shown_preview().show_run(*drawn)

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
        """Open the selected run; open or close the selected group."""
        row = self.table.row
        if isinstance(row, Group):
            self._fold(row, close=not row.closed)
        elif row is not None:
            self.board.open_run(row.path)
        elif self._demo_place is not None:
            self.board.start_demo(self._demo_place)

    @property
    def _demo_place(self) -> Path | None:
        """Where a demo's run would appear; None where there are runs, or nothing may be started."""
        snapshot = self.board.snapshot
        offered = not (snapshot.runs or snapshot.loading or self.board.readonly)
        return Path(snapshot.roots[0]) if offered and snapshot.roots else None

    def on_click(self, event: events.Click) -> None:
        """A click on what is said of an empty list does what is offered there."""
        if self.query_one("#empty", Lines).region.contains(int(event.screen_x), int(event.screen_y)):
            self.action_open()

    def action_sideways(self, direction: int) -> None:
        """Right: open the group or the run; left: close the group, or go to its head."""
        row = self.table.row
        if isinstance(row, Group) and row.closed == (direction > 0):
            self._fold(row, close=direction < 0)
        elif direction < 0:
            self.table.to_head()
        elif isinstance(row, Group):
            self.action_move(1)
        else:
            self.action_open()

    def _fold(self, group: Group, *, close: bool) -> None:
        closed = self._wish.closed
        self._change(closed=closed | {group.key} if close else closed - {group.key})

    def _change(self, **wishes: object) -> None:
        """Show the list in another way from now on, in this dashboard."""
        self._wish = replace(self._wish, **wishes)  # type: ignore[arg-type]
        self.apply(self.board.snapshot)

    def action_move(self, distance: int) -> None:
        """Move the cursor."""
        self.table.move(distance)

    def action_edge(self, direction: int) -> None:
        """To the first or the last row."""
        self.table.move(direction * len(self._listed.rows))

    def action_info(self) -> None:
        """Everything about the selected run."""
        if self.selected is not None:
            self.board.open_run(self.selected.path, "origin")

    def _set(self, **values: object) -> None:
        """Show the list in another way from now on, and in later dashboards."""
        self.board.settings.change(**values)
        self.apply(self.board.snapshot)

    def action_order(self) -> None:
        """The next order."""
        self._set(order=next_order(self._wish.order).id, reverse=False)

    def action_reverse(self) -> None:
        """The other way round."""
        self._set(reverse=not self._wish.reverse)

    @on(FleetTable.HeadClicked)
    def _head_clicked(self, event: FleetTable.HeadClicked) -> None:
        order = order_by_column(event.title)
        if order is not None:
            again = order.id == self._wish.order
            self._set(order=order.id, reverse=again and not self._wish.reverse)

    def action_group(self) -> None:
        """The next way to group."""
        self._set(group_by=next_grouping(self._wish.by))

    def action_choose(self) -> None:
        """Select the run under the cursor, or take it out again, and go to the next one."""
        row = self.table.row
        if row is None:
            return
        paths = {view.path for view in row.views} if isinstance(row, Group) else {row.path}
        self._choose(self._chosen - paths if paths <= self._chosen else self._chosen | paths)
        self.action_move(1)

    def action_choose_all(self) -> None:
        """Select all listed runs; when they are, none."""
        listed = {view.path for view in self._listed.runs}
        self._choose(set() if listed <= self._chosen else listed)

    def _choose(self, paths: set[Path]) -> None:
        self._chosen = paths
        self.apply(self.board.snapshot)

    def action_together(self) -> None:
        """The curves of the selected runs in one set of charts."""
        paths = tuple(view.path for view in self._listed.runs if view.path in self._chosen)
        if len(paths) < 2:
            paths = tuple(view.path for view in self.targets)
        if len(paths) < 2:
            self.notify("select two or more runs with space; a group is selected by its head", timeout=4)
            return
        self.board.open_together(paths)

    def action_pin(self) -> None:
        """Keep the runs on top of the list; when they are pinned, no more."""
        self._mark("pinned", self._wish.pins)

    def action_hide(self) -> None:
        """Take the runs from the list; when they are hidden, no more."""
        self._mark("hidden", self._wish.hidden)

    def _mark(self, name: str, before: frozenset[str]) -> None:
        ids = tuple(view.state.run_id for view in self.targets)
        gone = before.issuperset(ids)
        self.board.settings.mark(name, add=() if gone else ids, drop=ids if gone else ())
        self._choose(set())

    def action_show_hidden(self) -> None:
        """Show hidden runs, dimmed, or not."""
        self._change(show_hidden=not self._wish.show_hidden)

    def action_columns(self) -> None:
        """Choose the columns."""
        from guardtui.screens.columns import ColumnsScreen

        self.board.push_screen(ColumnsScreen())

    def action_filter(self) -> None:
        """Type what is to be listed."""
        self.query_one(FilterField).open()
        self._judge_text()

    def action_back(self) -> None:
        """Undo: the selection, else the filter."""
        field = self.query_one(FilterField)
        if self._chosen and not field.has_class("-open"):
            self._choose(set())
            return
        field.close("")

    @on(FilterField.Typed)
    def _filter_typed(self, event: FilterField.Typed) -> None:
        self._typed = parse(event.text)
        self._change(sought=standing(self._typed, self._wish.sought))

    @on(FilterField.Entered)
    def _filter_entered(self) -> None:
        if self._typed.problem is None:
            self.query_one(FilterField).close(self._typed.text)
