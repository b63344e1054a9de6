"""Many runs, each looked at as often as it deserves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardrun.following.foreign_fleet import ForeignLogs
from guardrun.following.foreign_follower import ForeignFollower
from guardrun.following.run_follower import RunFollower
from guardrun.following.side_by_side import SideBySide
from guardrun.following.waking import Waker
from guardrun.reading.discovery import find_runs

DISCOVER_S: Final = 1.0
"""Between two searches for new runs."""
LIVE_S: Final = 0.1
SILENT_S: Final = 1.0
OVER_S: Final = 10.0
"""Between two looks at a run that grew in the last minute, at one that did not, at one that has ended."""
_RECENT_S: Final = 60.0
_SLOW_SWEEP_S: Final = 0.02
"""A sweep of stats that takes longer meets a slow file system: looks become rarer."""
_MOST_STRETCH: Final = 10.0
_SLICE_S: Final = 0.02
"""Longest time for one run while others wait."""
_CROWD: Final = 25
"""Runs that grow; of more each is looked at less often, so that they cost no more together."""
_SILENT_CROWD: Final = 40
"""The same for runs that go on in silence."""


AnyFollower = RunFollower | ForeignFollower


@dataclass(slots=True)
class _Entry:
    follower: AnyFollower
    due: float = 0.0
    changed_at: float = float("-inf")
    over: bool = False
    """Whether it had ended when it was last looked at."""


class Fleet:
    """Discovers runs at or below the paths and follows them all in bounded slices.

    Sizes by stat are the truth: ten looks a second at runs that grow (fewer when very many do), one at silent
    ones, one in ten seconds at those that have ended (a resume reopens them).
    """

    def __init__(self, paths: Iterable[Path | str], judge: bool = True, *, hasty: bool = False) -> None:
        """``hasty``: the state of a run whose long log was not read yet comes from a glance at it."""
        self.paths = tuple(Path(path) for path in paths)
        self._hasty = hasty
        self._attended: frozenset[Path] = frozenset()
        self._growing = self._silent = 0
        self.followers: dict[Path, AnyFollower] = {}
        """Runs first, then the logs of other tools."""
        self.runs: dict[Path, RunFollower] = {}
        self._judge = judge
        self._foreign = ForeignLogs(self.paths, judge)
        self._entries: dict[Path, _Entry] = {}
        self._discovered = float("-inf")
        self._stretch = 1.0
        self._waker = Waker()
        self._side_by_side = SideBySide()

    def poll(self, max_seconds: float = 0.05) -> set[Path]:
        """Read what is new, for about ``max_seconds``; the runs that changed, new and gone ones included."""
        now = time.monotonic()
        deadline = now + max_seconds
        changed = self._discover(now)
        while self._sweep(deadline, changed) and time.monotonic() < deadline:
            pass
        changed |= self._discover_foreign()
        if self._judge:
            for path in self._side_by_side.turn(self.runs, now):
                self._entries[path].due = 0.0
        return changed

    def _sweep(self, deadline: float, changed: set[Path]) -> bool:
        """Look once at every run whose turn it is; whether one of them has more to read."""
        now = time.monotonic()
        entries = list(self._entries.items())
        # What is looked at comes first, then what was waiting longest; runs that go on before those over.
        due = sorted(
            (path not in self._attended, entry.due, entry.over, number)
            for number, (path, entry) in enumerate(entries)
            if entry.due <= now
        )
        self._count(now)
        looks, spent, unread = 0, 0.0, False
        for *_, number in due:
            path, entry = entries[number]
            begun, known = time.monotonic(), entry.follower.caught_up
            if entry.follower.poll(min(_SLICE_S, max(0.0, deadline - begun))):
                changed.add(path)
                if known:
                    # It grew under our eyes; reading what was there before is no sign of life.
                    entry.changed_at = begun
            else:
                looks += 1
                spent += time.monotonic() - begun
            entry.over = entry.follower.over
            entry.due = begun + self._interval(path, entry, begun)
            unread |= not entry.follower.caught_up
            if time.monotonic() >= deadline:
                break
        if looks:
            self._stretch = min(_MOST_STRETCH, max(1.0, spent / _SLOW_SWEEP_S))
        return unread

    def _count(self, now: float) -> None:
        """How many runs grow, and how many go on in silence."""
        growing = silent = 0
        for entry in self._entries.values():
            if now - entry.changed_at < _RECENT_S:
                growing += 1
            elif not entry.over:
                silent += 1
        self._growing, self._silent = growing, silent

    @property
    def caught_up(self) -> bool:
        """Whether all was searched, and every run that was found has been read to its end."""
        return self.searched and all(follower.caught_up for follower in self.followers.values())

    @property
    def searched(self) -> bool:
        """Whether the paths were searched once for logs of other tools."""
        return self._foreign.searched

    def attend(self, paths: Iterable[Path]) -> None:
        """From now on these runs are looked at often, whatever they do: somebody sees them."""
        attended = frozenset(paths)
        for path in attended - self._attended:
            if path in self._entries:
                self._entries[path].due = 0.0
        self._attended = attended

    def hasten(self, path: Path) -> None:
        """Look at this run soon and often for a while: something was asked of it."""
        entry = self._entries.get(path)
        if entry is not None:
            entry.due, entry.changed_at = 0.0, time.monotonic()

    def wait(self, timeout: float) -> bool:
        """Idle for ``timeout`` seconds, or until the system tells of a write; whether it did.

        Only runs that are not over are watched, the newest first.
        """
        open_runs = [path for path, entry in self._entries.items() if not entry.follower.over]
        self._waker.watch([*self.paths, *sorted(open_runs, reverse=True)])
        return self._waker.wait(timeout)

    def close(self) -> None:
        """Let go of everything."""
        self._waker.close()
        for follower in self.followers.values():
            follower.close()
        self.followers, self.runs, self._entries = {}, {}, {}

    def _discover(self, now: float) -> set[Path]:
        if now - self._discovered < DISCOVER_S * self._stretch:
            return set()
        self._discovered = now
        listed = find_runs(self.paths, known=self.runs)
        if listed == list(self.runs):
            return set()
        found = set(listed)
        gone = self.runs.keys() - found
        for path in gone:
            self._entries.pop(path).follower.close()
        new = found - self.runs.keys()
        runs = {path: run for path, run in self.runs.items() if path in found}
        for path in sorted(new, reverse=True):
            runs[path] = RunFollower(path, judge=self._judge, hasty=self._hasty)
            self._entries[path] = _Entry(runs[path])
        self.runs = {path: runs[path] for path in sorted(runs)}
        self._list()
        return gone | new

    def _discover_foreign(self) -> set[Path]:
        """Logs of other tools that came or went."""
        changed = self._foreign.turn(self.runs)
        if changed:
            logs = self._foreign.followers
            for path in self._entries.keys() - logs.keys() - self.runs.keys():
                del self._entries[path]
            for path in logs.keys() - self._entries.keys():
                self._entries[path] = _Entry(logs[path])
            self._list()
        return changed

    def _list(self) -> None:
        """A new mapping, never a changed one: whoever iterates over the old one is not disturbed."""
        self.followers = {
            **self.runs,
            **{path: self._foreign.followers[path] for path in sorted(self._foreign.followers)},
        }

    def _interval(self, path: Path, entry: _Entry, now: float) -> float:
        if not entry.follower.caught_up:
            return 0.0
        if path in self._attended:
            return LIVE_S * self._stretch
        if now - entry.changed_at < _RECENT_S:
            # Also after its end: the supervisor still proves the best checkpoint.
            return LIVE_S * self._stretch * max(1.0, self._growing / _CROWD)
        if entry.over:
            return OVER_S
        return SILENT_S * self._stretch * max(1.0, self._silent / _SILENT_CROWD)
