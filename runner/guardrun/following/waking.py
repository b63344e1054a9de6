"""Wake an idle watcher when something is written, where the system can tell; the clock is the truth.

Change notifications miss writes on network file systems, by mmap and behind links, and at the system's
watch limit they silently miss whole folders. So nothing here says *what* changed, and every wait has an end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

MOST_FOLDERS: Final = 256
"""Folders that are watched; each takes one of a limited number of the user's watches."""


class Waker:
    """``wait`` ends early when a watched folder changes. Without notifications it is a plain wait."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._observer: Any = None
        self._watched: dict[Path, Any] = {}
        self._broken = False

    def watch(self, folders: Iterable[Path]) -> None:
        """Watch these folders (not what lies below them), and no others any more. Never raises."""
        wanted = list(dict.fromkeys(folders))[:MOST_FOLDERS]
        if self._broken or (not wanted and self._observer is None):
            return
        try:
            observer = self._start()
            for folder in [folder for folder in self._watched if folder not in wanted]:
                observer.unschedule(self._watched.pop(folder))
            for folder in wanted:
                if folder not in self._watched and folder.is_dir():
                    self._watched[folder] = observer.schedule(self._handler, str(folder), recursive=False)
        except Exception:
            # No more watches, no such library, an unsupported system: the clock alone will do.
            self._broken = True
            self.close()

    def wait(self, timeout: float) -> bool:
        """Wait ``timeout`` seconds, or until a watched folder changes; whether it did."""
        woken = self._woken.wait(timeout)
        self._woken.clear()
        return woken

    def wake(self) -> None:
        """End a wait, from any thread."""
        self._woken.set()

    def close(self) -> None:
        """Stop watching; waits go on by the clock."""
        observer, self._observer = self._observer, None
        self._watched.clear()
        if observer is not None:
            observer.stop()
            observer.join(2.0)

    def _start(self) -> Any:
        if self._observer is None:
            from watchdog.events import FileSystemEventHandler
            from watchdog.observers import Observer

            waker = self

            class Handler(FileSystemEventHandler):
                """Reading a file is an event, too: only changes wake."""

                def dispatch(self, event: Any) -> None:
                    if event.event_type in ("created", "modified", "moved", "deleted"):
                        waker.wake()

            self._handler = Handler()
            observer = Observer()
            observer.daemon = True
            observer.start()
            self._observer = observer
        return self._observer
