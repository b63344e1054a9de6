"""One thread reads the files; the app gets one frozen snapshot at a time, at most four a second.

Files are looked at ten times a second while nothing happens, and no more often than something can be shown
while much does. What comes after a quarter of a second of silence is shown at once, more of it in the next
quarter of a second. Nothing is published when nothing changed. A fault becomes part of
the snapshot: the screens say that the picture is old and why, and the feed tries again.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from guardtui.reader import FleetLike, Reader
from guardtui.snapshot import Snapshot, Wants

__all__ = ["PERIOD_S", "Feed", "FleetLike", "Reader"]

PERIOD_S: Final = 0.25
"""Four snapshots a second at most: more is not seen, and costs bytes over SSH."""
_LOADING_PERIOD_S: Final = 0.5
"""The same while history is read: drawing takes time from reading."""
_GLANCE_S: Final = 0.1
"""Between two looks at the files when nothing happens."""
_BREATH_S: Final = 0.002
"""Between two polls while history is read: the thread that draws comes first."""
_SWITCH_S: Final = 0.001
"""How soon this thread gives way to the one that draws; by itself it would after five milliseconds."""
_JOIN_S: Final = 2.0


class Feed:
    """The reading thread. ``notify`` is called from it when ``take()`` has something new."""

    def __init__(
        self, make_fleet: Callable[[], FleetLike], roots: Iterable[str], notify: Callable[[], None]
    ) -> None:
        self._make_fleet = make_fleet
        self._roots = tuple(roots)
        self._notify = notify
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._wants = Wants()
        self._asked: SimpleQueue[Path] = SimpleQueue()
        self._latest = Snapshot(roots=self._roots)
        self._published = float("-inf")
        self._thread = threading.Thread(target=self._run, name="guard-feed", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for it a moment."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def want(self, wants: Wants) -> None:
        """From now on snapshots carry this beside the list of runs."""
        if wants != self._wants:
            self._wants = wants
            self._wake.set()

    def hasten(self, path: Path) -> None:
        """Something was asked of this run: look for the answer soon."""
        self._asked.put(path)
        self._wake.set()

    def take(self) -> Snapshot:
        """The newest snapshot."""
        return self._latest

    def _run(self) -> None:
        sys.setswitchinterval(_SWITCH_S)
        reader = Reader(self._roots)
        fleet: FleetLike | None = None
        failures = 0
        while not self._ended.is_set():
            self._wake.clear()
            try:
                if fleet is None:
                    fleet = self._make_fleet()
                while not self._asked.empty():
                    fleet.hasten(self._asked.get())
                pause = self._turn(reader, fleet)
                failures = 0
            except Exception as error:  # whatever it is: say it, keep the old picture, try again
                failures += 1
                self._publish(reader.failed(error))
                pause = PERIOD_S * min(20, 2**failures)
            self._wake.wait(pause)
        if fleet is not None:
            fleet.close()

    def _turn(self, reader: Reader, fleet: FleetLike) -> float:
        """Look at the files, show what is due; seconds until the next turn."""
        reader.poll(fleet, self._wants)
        behind = reader.listing or not all(follower.caught_up for follower in fleet.followers.values())
        period = _LOADING_PERIOD_S if behind and reader.loading else PERIOD_S
        early = self._published + period - time.monotonic()
        shown = False
        if early <= 0 or reader.wants != self._wants:
            shown = self._publish(reader.picture(fleet, self._wants))
            early = 0.0
        if behind:
            return _BREATH_S
        if shown:
            return PERIOD_S
        return min(early, _GLANCE_S) if reader.pending and early else _GLANCE_S

    def _publish(self, snapshot: Snapshot | None) -> bool:
        """Hand it on; whether there was one."""
        if snapshot is None:
            return False
        self._published = time.monotonic()
        self._latest = snapshot
        self._notify()
        return True
