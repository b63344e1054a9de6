"""What all panes of the run screen share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import BindingType
from textual.widget import Widget

from guardrun.signals.model import Signal
from guardtui.bindings import bindings_for, is_acting
from guardtui.glyphs import Glyphs
from guardtui.keys import Where
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Line

if TYPE_CHECKING:
    from guardtui.app import Dashboard


class Pane(Widget, can_focus=True):
    """One page about one run. It has the focus while it is shown, so that its keys work; it draws what
    ``apply`` hands to it and holds no data of its own."""

    where: ClassVar[Where]
    """Its keys in the table."""
    title: ClassVar[str]
    """One word for the strip of panes."""

    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; }
    """

    def __init_subclass__(cls) -> None:
        """The keys of a pane come from the table."""
        if "where" in cls.__dict__:
            bindings: list[BindingType] = [*bindings_for(cls.where)]
            cls.BINDINGS = bindings
        super().__init_subclass__()

    @property
    def board(self) -> Dashboard:
        """The app."""
        return cast("Dashboard", self.app)

    @property
    def g(self) -> Glyphs:
        """The shapes that this terminal can show."""
        return self.board.glyphs

    @property
    def view(self) -> RunView | None:
        """The run that is looked at, as it was last seen."""
        from guardtui.screens.run import RunScreen

        return (
            self.board.snapshot.by_path.get(self.screen.path) if isinstance(self.screen, RunScreen) else None
        )

    @property
    def chosen_signal(self) -> Signal | None:
        """The signal that acknowledging is meant for; None: all that stand."""
        return None

    def opened(self, path: Path) -> None:
        """It is opened, for the first time or again."""

    def wants(self, path: Path) -> Wants:
        """What it draws of the run at ``path``."""
        return Wants(detail=path)

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """Draw the run as it is in this snapshot."""

    def status(self, view: RunView, width: int) -> Line:
        """What is shown, and how: for the line above the keys."""
        return ()

    def back(self) -> bool:
        """Esc: undo the last narrowing (one chart, a search); False when there is none."""
        return False

    def changed(self) -> None:
        """A key changed what is shown: the screen draws itself again, its status line too."""
        from guardtui.screens.run import RunScreen

        if isinstance(self.screen, RunScreen):
            self.screen.apply(self.board.snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing acts in read-only mode."""
        return not (self.board.readonly and is_acting(action))
