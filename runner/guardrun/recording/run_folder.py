"""A run directory that is moved or deleted while the training runs: it is made anew, and that is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from guardrun.events.remembered import RememberedFolder

if TYPE_CHECKING:
    from guardrun.recording.session import Session

LOOK_S = 1.0


class RunFolder:
    """Remembers what identifies the run; ``look`` from the thread that polls the control folder.

    Who holds a file open goes on writing into it when its name is gone, and nobody will ever read it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._next = 0.0
        self._seen = 0
        """Events that were emitted when the log was last found at its place."""
        paths = session.paths
        if paths is None:
            return
        first = session.rank.rank == 0
        files = (paths.run_json, paths.attempt(session.attempt)) if first else ()
        self._folder = RememberedFolder(paths.root, files)

    def look(self) -> None:
        """At most once a second: go back to the run's place when the log is not there any more."""
        now = time.monotonic()
        if now < self._next or self._session.inert or self._session.paths is None:
            return
        self._next = now + LOOK_S
        writer = self._session.writer
        emitted = writer.emitted
        if writer.gone() and self._folder.make_anew():  # else the next look tries again
            writer.go_back(emitted - self._seen, "the run directory was moved or deleted")
            self._session.tell(
                f"{self._session.paths.root} was moved or deleted while training; it was made anew, and what "
                "had been recorded before is not in it"
            )
        self._seen = writer.emitted
