"""A run directory that is moved or deleted while the training runs: it is made anew, and that is told."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from guardrun.events.atomic import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from guardrun.recording.session import Session

LOOK_S = 1.0
_MOST_BYTES = 16 * 1024 * 1024


class RunFolder:
    """Remembers what identifies the run; ``look`` from the thread that polls the control folder.

    Who holds a file open goes on writing into it when its name is gone, and nobody will ever read it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._next = 0.0
        self._seen = 0
        """Events that were emitted when the log was last found at its place."""
        self._files: dict[Path, bytes] = {}
        self._mode = 0o700
        paths = session.paths
        if paths is None:
            return
        try:
            self._mode = os.stat(paths.root).st_mode & 0o7777
        except OSError:
            pass
        if session.rank.rank == 0:
            for file in (paths.run_json, paths.attempt(session.attempt)):
                self._remember(file)

    def look(self) -> None:
        """At most once a second: go back to the run's place when the log is not there any more."""
        now = time.monotonic()
        if now < self._next or self._session.inert or self._session.paths is None:
            return
        self._next = now + LOOK_S
        writer = self._session.writer
        emitted = writer.emitted
        if writer.gone() and self._make_anew():
            writer.go_back(emitted - self._seen, "the run directory was moved or deleted")
            self._session.tell(
                f"{self._session.paths.root} was moved or deleted while training; it was made anew, and what "
                "had been recorded before is not in it"
            )
        self._seen = writer.emitted

    def _remember(self, file: Path) -> None:
        try:
            if os.stat(file).st_size <= _MOST_BYTES:
                self._files[file] = file.read_bytes()
        except OSError:
            pass

    def _make_anew(self) -> bool:
        assert self._session.paths is not None
        root = self._session.paths.root
        try:
            os.makedirs(root.parent, exist_ok=True)
            if not root.is_dir():
                os.mkdir(root, self._mode)
            for file, content in self._files.items():
                if not file.exists():
                    os.makedirs(file.parent, exist_ok=True)
                    write_atomic(file, content, sync=False)
        except OSError:
            return False  # the next look tries again
        return True
