"""What all screens share: the app with its snapshot, and refusal of acting keys in read-only mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from guardtui.bindings import is_acting
from guardtui.glyphs import Glyphs
from guardtui.keys import Where
from guardtui.snapshot import Snapshot, Wants
from guardtui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from guardtui.app import Dashboard


class BoardScreen(Screen[None]):
    """A screen of the dashboard. It draws ``board.snapshot`` and holds no data of its own."""

    @property
    def wants(self) -> Wants | None:
        """What it needs beside the list of runs; None: what the screen below needs."""
        return None

    @property
    def board(self) -> Dashboard:
        """The app."""
        return cast("Dashboard", self.app)

    @property
    def g(self) -> Glyphs:
        """The shapes that this terminal can show."""
        return self.board.glyphs

    @property
    def places(self) -> tuple[Where, ...]:
        """Whose keys count here, the nearest place first."""
        bars = self.query(KeyBar)
        return bars.first().places if bars else ()

    @property
    def idle(self) -> Mapping[str, str]:
        """Actions that can do nothing to what is chosen here, and why."""
        bars = self.query(KeyBar)
        return bars.first().idle if bars else {}

    def apply(self, snapshot: Snapshot) -> None:
        """Draw what is new."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing acts in read-only mode."""
        return not (self.board.readonly and is_acting(action))
