"""The logs of other tools below some paths, each with its follower; what is shown as a run is left out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, NamedTuple

from guardrun.following.foreign_follower import ForeignFollower
from guardrun.following.run_follower import RunFollower
from guardrun.reading.foreign.searching import FoundLog, LogSearch
from guardrun.state.values import table

FIRST_S: Final = 0.04
"""Time of one turn while the paths are searched for the first time: somebody waits."""
AGAIN_S: Final = 0.01
_ASK_S: Final = 1.0
"""Between two looks for runs that tell where their log lies."""


class ForeignLogs:
    """Searches in slices and keeps a follower for each log that is found."""

    def __init__(self, paths: Sequence[Path], judge: bool = True) -> None:
        self.followers: dict[Path, ForeignFollower] = {}
        self._judge = judge
        self._search = LogSearch(paths)
        self._found: Mapping[Path, FoundLog] | None = None
        self._claims = Claims()
        self._asked = float("-inf")

    @property
    def searched(self) -> bool:
        """Whether everything was looked through once."""
        return self._search.done

    def turn(self, runs: Mapping[Path, RunFollower]) -> set[Path]:
        """Search on for a moment; the logs that came, went or changed."""
        self._search.turn(AGAIN_S if self._search.done else FIRST_S, runs)
        found, now = self._search.found, time.monotonic()
        claims = self._claims
        if found is not self._found or (found and now - self._asked >= _ASK_S):
            self._asked, claims = now, claims_of(runs.values())
        if found is self._found and claims == self._claims:
            return set()
        self._found, self._claims = found, claims
        owned = claims.of(found.values())
        return self._renew({key: log for key, log in found.items() if key not in owned})

    def _renew(self, found: Mapping[Path, FoundLog]) -> set[Path]:
        changed = self.followers.keys() ^ found.keys()
        for gone in self.followers.keys() - found.keys():
            self.followers.pop(gone).close()
        for key, log in found.items():
            follower = self.followers.get(key)
            if follower is None:
                self.followers[key] = ForeignFollower(log, self._judge)
            elif follower.adopt(log):
                changed.add(key)
        return set(changed)


class Claims(NamedTuple):
    """Which logs are shown as runs already."""

    sources: frozenset[str] = frozenset()
    """Real paths of what was imported."""
    patterns: frozenset[str] = frozenset()
    """Paths, folders and patterns of logs that supervisors translate."""

    def of(self, logs: Iterable[FoundLog]) -> set[Path]:
        """Keys of those logs that are claimed."""
        return {log.key for log in logs if self._is_of(log)} if self.sources or self.patterns else set()

    def _is_of(self, log: FoundLog) -> bool:
        places = [os.path.realpath(path) for path in (log.key, *(path for path, _ in log.files))]
        if not self.sources.isdisjoint(places):
            return True
        return any(
            place == pattern or place.startswith(pattern + os.sep) or fnmatch(place, pattern)
            for place in places
            for pattern in self.patterns
        )


def claims_of(runs: Iterable[RunFollower]) -> Claims:
    """What these runs were imported from, or tell by ``logs: PATH``."""
    sources: set[str] = set()
    patterns: set[str] = set()
    for run in runs:
        sources.update(_imported(run.identity))
        patterns.update(_told(run.launch))
    return Claims(frozenset(sources), frozenset(patterns))


def _imported(identity: Mapping[str, Any]) -> list[str]:
    """Real paths of what a run was made from by ``guard import``."""
    facts = table(identity.get("imported"))
    files = facts.get("files")
    told = [facts.get("source"), *(file[0] for file in _lists(files) if file)]
    return [path for path in told if isinstance(path, str)]


def _lists(found: Any) -> list[list[Any]]:
    return [each for each in found if isinstance(each, list)] if isinstance(found, list) else []


def _told(launch: Mapping[str, Any]) -> list[str]:
    """The path, folder or pattern of the log that a supervisor translates."""
    spec = table(launch.get("config")).get("logs")
    if not isinstance(spec, str) or not spec.strip():
        return []
    workdir = launch.get("workdir")
    base = workdir if isinstance(workdir, str) else "."
    return [os.path.realpath(os.path.join(base, os.path.expanduser(spec.strip())))]
