"""More about the one run that is looked at: its output, its ranks, its checkpoints on the disk.

Works in the feed's thread. What nobody wants is not read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from guardrun.events.schema import Event
from guardrun.state.model import RunState
from guardtui.snapshot import Detail, Wants

if TYPE_CHECKING:
    from guardrun.following.console import ConsoleText
    from guardrun.following.saved import Saved
    from guardrun.series.store import Series, SeriesStore

_SAVED_S: Final = 2.0
"""Between two looks into the folder of checkpoints."""


class ConsoleLike(Protocol):
    """What is needed of ``guardrun.following.console.ConsoleWindow``."""

    def read(self, lines: int) -> ConsoleText:
        """The last lines; the same object while nothing changed."""


class Follower(Protocol):
    """What the feed needs of ``guardrun.following.run_follower.RunFollower``."""

    @property
    def caught_up(self) -> bool:
        """Whether all history was read."""

    @property
    def series(self) -> SeriesStore:
        """The run's curves."""

    @property
    def curves(self) -> SeriesStore:
        """The same; coarse ones of the whole run while its history is read."""

    @property
    def all_told(self) -> Mapping[str, Sequence[Event]]:
        """What the training told beside curves and progress."""

    def state(self, now: float | None = None) -> RunState:
        """The run at this moment."""

    @property
    def launch(self) -> Mapping[str, Any]:
        """The newest attempts/<n>.json."""

    @property
    def proofs(self) -> Mapping[tuple[str, str], Event]:
        """The supervisor's newest proofs of checkpoints."""

    def open_console(self) -> ConsoleLike:
        """The training's own output."""

    def list_saved(self) -> Saved:
        """The checkpoints on the disk."""


class Closer:
    """Keeps what was read of one run, so that each look costs what is new."""

    def __init__(self, path: Path, follower: Follower) -> None:
        self.path = path
        self.follower = follower
        self._console = follower.open_console()
        self._saved: tuple[float, Saved] | None = None
        self._known: tuple[Any, ...] = ()
        self._detail: Detail | None = None

    def look(self, wants: Wants) -> Detail:
        """The details now; the same object while nothing changed."""
        follower = self.follower
        text = self._console.read(wants.console)
        saved = self._list_saved() if wants.saved else None
        told = {kind: tuple(events) for kind, events in follower.all_told.items()}
        counts = tuple((kind, len(events)) for kind, events in told.items())
        launch, proofs = follower.launch, dict(follower.proofs)
        known = (follower.series.version, counts, proofs, saved, text, launch)
        if self._detail is not None and known == self._known:
            return self._detail
        self._known = known
        store = follower.series
        self._detail = Detail(
            self.path, store.version,
            console=text.lines, console_first=text.first, console_complete=text.complete,
            ranks={rank: series_of(store, rank) for rank in store.ranks()},
            told=told, launch=launch, proofs=proofs, saved=saved,
        )  # fmt: skip
        return self._detail

    def _list_saved(self) -> Saved:
        """At most every two seconds: the folder may lie on a slow file system."""
        now = time.monotonic()
        if self._saved is None or now - self._saved[0] >= _SAVED_S:
            self._saved = (now, self.follower.list_saved())
        return self._saved[1]


def series_of(store: SeriesStore, rank: int) -> dict[str, Series]:
    """Every curve of a rank by its name."""
    return {name: store.get(name, rank) for name in store.names(rank)}
