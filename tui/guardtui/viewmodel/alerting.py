"""What is worth waking somebody for: signals and bad ends since the dashboard was opened. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from guardrun.state.model import Status
from guardtui.snapshot import RunView, Snapshot
from guardtui.text import clean
from guardtui.viewmodel.faces import unknown_signals
from guardtui.viewmodel.run_header import reason_words

_BAD_ENDS: Final = (Status.ABORTED, Status.FAILED, Status.KILLED, Status.LOST)
_MOST: Final = 200
"""Characters of a message."""


class Alert(NamedTuple):
    """One thing that happened."""

    path: Path
    name: str
    signal: str
    """Id of the signal; of a bad end the status."""
    message: str

    @property
    def text(self) -> str:
        """All of it in a line of harmless text."""
        return f"{self.name}: {self.message}"


class Lookout:
    """Compares each snapshot with what was known; what is there when the dashboard opens is known."""

    def __init__(self) -> None:
        self._views: dict[Path, RunView] = {}
        self._known: dict[Path, set[tuple[str, int]]] = {}
        self._open = False

    def news(self, snapshot: Snapshot) -> list[Alert]:
        """What happened since the snapshot before."""
        found: list[Alert] = []
        for view in snapshot.runs:
            before = self._views.get(view.path)
            if before is not view:
                alerts = self._compare(before, view)
                found += alerts if self._open else []
        self._views = {view.path: view for view in snapshot.runs}
        self._known = {path: known for path, known in self._known.items() if path in self._views}
        self._open = self._open or not snapshot.loading
        return found

    def _compare(self, before: RunView | None, view: RunView) -> list[Alert]:
        known = self._known.setdefault(view.path, set())
        now = {
            (signal.id, signal.raised_at): signal
            for signal in unknown_signals(view.state.signals)
            if signal.severity == "act"
        }
        fresh = [signal for key, signal in now.items() if key not in known]
        known.update(now)
        status = view.state.status
        if before is None and not status.live:
            return []  # a run that is over was copied here
        name = clean(view.state.name) or clean(view.path.name)
        alerts = [
            Alert(
                view.path,
                name[:_MOST],
                clean(signal.id),
                f"{clean(signal.id)}: {clean(signal.message)}"[:_MOST],
            )
            for signal in fresh
        ]
        if before is not None and before.state.status.live and status in _BAD_ENDS:
            words = f"{status.value} {clean(reason_words(view.state))}".strip()
            alerts.append(Alert(view.path, name[:_MOST], status.value, words[:_MOST]))
        return alerts
