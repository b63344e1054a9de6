"""The curves of the other runs of a group, read from their files beside the run's own."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from guardrun.events.decode import as_number, decode
from guardrun.events.paths import RunPaths
from guardrun.events.schema import EVAL, HEADER, RUN_END, RUN_START, Event
from guardrun.following.small_files import SmallFiles, read_json
from guardrun.provenance.recipes import recipe_of
from guardrun.reading.tailer import Tailer
from guardrun.signals.siblings import Sibling

MOST_SIBLINGS: Final = 64
"""The newest runs of the group; a comparison needs no more."""
_MOST_FOLDERS: Final = 10_000
_MOST_EVALUATIONS: Final = 4096
_SLICE: Final = 256 * 1024
"""Bytes read at once: about a millisecond."""
_TELLING: Final = (b'"eval"', b'"total_', b'"header"', b'"run_start"', b'"run_end"')
"""A line without any of these says nothing of interest, and is not decoded."""


class GroupCurves:
    """The other runs of the group that ``root`` belongs to, in the same folder.

    Reads in bounded slices: a sweep over all of them takes as many turns as it needs. Never raises, whatever
    the files hold.
    """

    def __init__(
        self,
        root: Path,
        monitor: str,
        mode: str,
        tail_of: Callable[[Path, str, str], CurveTail] | None = None,
    ) -> None:
        self.siblings: tuple[Sibling, ...] = ()
        """As the last whole sweep found them."""
        small = SmallFiles(RunPaths(root))
        small.refresh()
        self.group = group_of(small.identity)
        self._recipe = recipe_of(small.launch or {})
        self._root = root
        self._monitor, self._mode = monitor, mode
        self._tail_of = tail_of or CurveTail
        self._tails: dict[str, CurveTail] = {}
        self._strangers: set[str] = set()
        self._unknown: deque[str] = deque()
        self._unread: deque[CurveTail] = deque()
        self._sweeping = False

    def turn(self, seconds: float) -> bool:
        """Read on for about so long; whether a sweep ended. The next turn begins another one."""
        if self.group is None:
            return True
        deadline = time.monotonic() + seconds
        if not self._sweeping:
            self._begin()
        while time.monotonic() < deadline:
            if self._unknown:
                self._meet(self._unknown.popleft())
            elif self._unread:
                if not self._unread[0].read():
                    self._unread.popleft()
            else:
                self.siblings = tuple(tail.sibling(self._recipe) for tail in self._tails.values())
                self._sweeping = False
                return True
        return False

    def _begin(self) -> None:
        self._sweeping = True
        try:
            names = sorted(os.listdir(self._root.parent), reverse=True)[:_MOST_FOLDERS]
        except OSError:
            names = []
        present = set(names)
        for gone in self._tails.keys() - present:
            del self._tails[gone]
        self._strangers &= present
        known = self._tails.keys() | self._strangers | {self._root.name}
        self._unknown = deque(name for name in names if name not in known)
        self._unread = deque(self._tails.values())

    def _meet(self, name: str) -> None:
        """Names begin with their date, so the newest come first."""
        root = self._root.parent / name
        identity = read_json(RunPaths(root).run_json)
        if identity is None:
            # Not a run, or one that is being made: it is looked at again.
            return
        if group_of(identity) != self.group:
            self._strangers.add(name)
            return
        tail = self._tails[name] = self._tail_of(root, self._monitor, self._mode)
        self._unread.append(tail)
        for oldest in sorted(self._tails)[:-MOST_SIBLINGS]:
            del self._tails[oldest]
            self._strangers.add(oldest)


class CurveTail:
    """The evaluations of one run, by a monitor, in bounded memory."""

    def __init__(self, root: Path, monitor: str, mode: str) -> None:
        paths = RunPaths(root)
        self._name = root.name
        self._monitor = monitor
        self._better = max if mode == "max" else min
        self._mode = mode
        self._small = SmallFiles(paths)
        self._events = Tailer(paths.events())
        self._supervisor = Tailer(paths.supervisor)
        self._killed = False
        self._forget()

    def _forget(self) -> None:
        self._evaluations: list[tuple[float, float]] = []
        self._total: float | None = None
        self._over = False

    def read(self) -> bool:
        """Take what is new, at most some hundred kilobytes; whether there is more."""
        if not self._events.changed():
            return False
        chunk = self._events.read(_SLICE)
        if chunk.restarted:
            self._forget()
        for line in chunk.lines.splitlines():
            if any(mark in line for mark in _TELLING):
                event = decode(line)
                if event is not None:
                    self._take(event)
        return chunk.more

    def sibling(self, recipe: str) -> Sibling:
        """The curve so far, beside a run of that recipe."""
        self._small.refresh()
        return Sibling.of(
            self._name,
            self._evaluations,
            mode=self._mode,
            total=self._total,
            over=self._over or self._ended_by_supervisor(),
            twin=recipe_of(self._small.launch or {}) == recipe,
        )

    def _take(self, event: Event) -> None:
        kind = event["kind"]
        if kind in (HEADER, RUN_START):
            self._over = False
        elif kind == RUN_END:
            self._over = True
        total = as_number(event.get("total_steps"))
        if total is not None and 0 < total < math.inf:
            self._total = total
        value, step = as_number(event.get(self._monitor)), event.get("step")
        if kind == EVAL and value is not None and type(step) is int and 0 <= step < 2**53:
            self._add(float(step), value)

    def _add(self, step: float, value: float) -> None:
        """Keep it. Of very many evaluations every two old ones become one, the better at the later step."""
        known = self._evaluations
        while known and known[-1][0] >= step:
            known.pop()
        known.append((step, value))
        if len(known) >= _MOST_EVALUATIONS:
            self._evaluations = [
                (later, self._better(filter(math.isfinite, (one, other)), default=math.nan))
                for (_, one), (later, other) in zip(known[::2], known[1::2], strict=True)
            ]

    def _ended_by_supervisor(self) -> bool:
        """Whether the supervisor's last word is an end: a killed training writes none itself."""
        more = self._supervisor.changed()
        while more:
            chunk = self._supervisor.read()
            more = chunk.more
            last = decode(chunk.lines.splitlines()[-1]) if chunk.lines else None
            if last is not None:
                self._killed = last["kind"] == RUN_END
        return self._killed


def siblings_of(root: Path, monitor: str | None, mode: str) -> tuple[Sibling, ...]:
    """The curves of a run's group as they are now. Files that were read before are only read on."""
    if monitor is None:
        return ()
    curves = GroupCurves(root, monitor, mode, _remembered_tail)
    while not curves.turn(1.0):
        pass
    return curves.siblings


@lru_cache(maxsize=4 * MOST_SIBLINGS)
def _remembered_tail(root: Path, monitor: str, mode: str) -> CurveTail:
    return CurveTail(root, monitor, mode)


def group_of(identity: Mapping[str, Any] | None) -> str | None:
    """The group in a run.json; None where there is none."""
    group = (identity or {}).get("group")
    return group if isinstance(group, str) and group else None
