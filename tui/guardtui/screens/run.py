"""One run: its state above, one of its panes below."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from guardtui.bindings import bindings_for
from guardtui.panes.order import PANES
from guardtui.panes.pane import Pane
from guardtui.screens.acts import ActsOnRuns
from guardtui.screens.whole import WholeScreen
from guardtui.snapshot import Snapshot, Wants
from guardtui.text import line
from guardtui.viewmodel.reach import idle_keys
from guardtui.viewmodel.run_header import header_lines
from guardtui.viewmodel.run_status import pane_at, room_beside_panes, status_line
from guardtui.widgets.key_bar import KeyBar
from guardtui.widgets.lines import Lines
from guardtui.widgets.problem import Problem


class RunScreen(ActsOnRuns, WholeScreen):
    """Head, pane, status, keys. Each pane is made when it is first shown."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("run")]
    CSS = """
    RunScreen > Lines { padding: 0 1; }
    RunScreen #head { margin-bottom: 1; }
    RunScreen.-low #head { margin-bottom: 0; }
    RunScreen #status { height: 1; }
    """

    def __init__(self, path: Path, pane: str = "charts") -> None:
        super().__init__()
        self.path = path
        self._panes: dict[int, Pane] = {}
        self._first = self._shown = self._number_of(pane)

    @property
    def meant(self) -> tuple[Path, ...]:
        """This run."""
        return (self.path,)

    @property
    def pane(self) -> Pane:
        """The pane that is shown."""
        return self._panes[self._shown]

    @property
    def wants(self) -> Wants:
        """What the pane draws."""
        return self.pane.wants(self.path) if self._panes else Wants(curves=(self.path,))

    def compose(self) -> ComposeResult:
        """From the top: head, pane, status, keys."""
        self._panes[self._shown] = PANES[self._shown]()
        yield Lines(id="head")
        yield Problem()
        yield self.pane
        yield Lines(id="status")
        yield KeyBar(self.pane.where, "run", readonly=self.board.readonly)

    def on_mount(self) -> None:
        """Ask for this run's curves."""
        self.pane.focus()
        self.pane.opened(self.path)
        self.apply(self.board.snapshot)

    def on_screen_resume(self) -> None:
        """Coming back from another screen."""
        self.apply(self.board.snapshot)

    def on_resize(self, event: events.Resize) -> None:
        """Arrange anew."""
        self.set_class(event.size.height < 30, "-low")
        self.apply(self.board.snapshot)
        self.call_after_refresh(lambda: self.apply(self.board.snapshot))

    def apply(self, snapshot: Snapshot) -> None:
        """Draw the run as it is in this snapshot."""
        if not self.is_mounted or not self.size.width:
            return
        self.board.look()
        self.query_one(Problem).say(snapshot.problem)
        view = snapshot.by_path.get(self.path)
        if view is None:
            word = "reading…" if snapshot.loading else "this run is not there (any more)"
            self.query_one("#head", Lines).show([line((word, "dim"))])
            return
        width = self.size.width - 2
        self.query_one("#head", Lines).show(header_lines(view, width, self.g))
        self.query_one(KeyBar).rest(idle_keys([view]))
        if not (self.pane.is_mounted and self.pane.children):
            return  # it is being made; opening it draws it
        self.pane.apply(view, snapshot)
        offer = view.state.stop_offer if view.state.status.live and not self.board.readonly else ""
        titles = [each.title for each in PANES]
        shown = status_line(
            titles,
            self._shown,
            self.pane.status(view, room_beside_panes(titles, self._shown, width)),
            offer=offer,
            loading=snapshot.loading,
            width=width,
            g=self.g,
        )
        self.query_one("#status", Lines).show([shown])
        if self.path in snapshot.curves or not self.pane.wants(self.path).curves:
            self.complete()

    async def action_pane(self, number: int) -> None:
        """Show another pane."""
        if number == self._shown or number >= len(PANES):
            return
        self.pane.display = False
        self._shown = number
        if number not in self._panes:
            self._panes[number] = PANES[number]()
            await self.mount(self.pane, before="#status")
        self.pane.display = True
        self.pane.focus()
        self.query_one(KeyBar).offer_keys_of(self.pane.where, "run")
        self.pane.opened(self.path)
        self.apply(self.board.snapshot)
        self.call_after_refresh(lambda: self.apply(self.board.snapshot))

    async def on_click(self, event: events.Click) -> None:
        """The strip of panes is for the mouse, too."""
        status = self.query_one("#status", Lines)
        area = status.content_region
        if status.lines and area.contains(event.screen_x, event.screen_y):
            number = pane_at(status.lines[0], event.screen_x - area.x)
            if number is not None:
                await self.action_pane(number)

    async def show_pane(self, title: str) -> Pane:
        """Show the pane of that title and return it."""
        await self.action_pane(self._number_of(title))
        return self.pane

    @staticmethod
    def _number_of(title: str) -> int:
        return next((number for number, pane in enumerate(PANES) if pane.title == title), 0)

    async def action_info(self) -> None:
        """Everything about this run."""
        await self.show_pane("origin")

    def action_acknowledge(self) -> None:
        """Say that the signals of this run are known, or the one that is chosen."""
        self.board.acknowledge(self.path, only=self.pane.chosen_signal)

    async def action_back(self) -> None:
        """Undo a narrowing of the pane; else to the charts; else to the list of runs."""
        if self.pane.back():
            return
        if self._shown in (0, self._first):
            self.dismiss()
        else:
            await self.action_pane(0)
