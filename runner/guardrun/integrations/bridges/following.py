"""Runs followed from their files, and told to a bridge; what has been told is remembered beside its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from guardrun.events.atomic import write_atomic
from guardrun.events.decode import as_number, decode
from guardrun.events.encode import encode
from guardrun.events.paths import RunPaths
from guardrun.events.schema import ENVELOPE, EVAL, METRICS, RUN_START, Event
from guardrun.events.untrusted import read_object
from guardrun.following.run_follower import RunFollower
from guardrun.integrations.bridges.model import Bridge, Ending, Point, Subject
from guardrun.reading.tailer import Tailer
from guardrun.signals.model import Signal
from guardrun.state.model import RunState
from guardrun.state.values import real, table, whole

_BYTES: Final = 256 * 1024
"""Of events handed to the other tool at once."""
_NOT_SERIES: Final = ENVELOPE | {"improved"}


class RunMirror:
    """One run on its way into another tool. ``poll`` raises what that tool raises."""

    def __init__(
        self, path: Path, memory: Path, open_bridge: Callable[[Subject, str | None], Bridge]
    ) -> None:
        """``memory``: the file in which it is kept how far an earlier mirror has come."""
        self.path = path
        self.told = 0
        """Events that were handed on, by this mirror."""
        self.done = False
        self.place = ""
        self._memory = memory
        self._open = open_bridge
        self._bridge: Bridge | None = None
        self._tailer = Tailer(RunPaths(path).events())
        self._signals: tuple[str, ...] = ()
        self._known: str | None = None
        self._follower = RunFollower(path)
        self._remember(_kept_in(memory))

    def poll(self, *, last: bool = False) -> bool:
        """Hand on what is new; whether anything was. ``last``: whatever comes later is not waited for."""
        if self.done:
            return False
        self._follower.poll(0.2)
        moved = False
        chunk = self._tailer.read(_BYTES)
        points = [point for line in chunk.lines.splitlines() if (point := _point(line)) is not None]
        if points:
            self._bridge_now().points(points)
            self.told += len(points)
        if chunk.end:
            moved = True
            self._keep()
        if chunk.more or not self._follower.caught_up:
            return True
        state = self._follower.state()
        self._tell_signals(state)
        if last or not state.status.live:
            self.close(state)
            return True
        return moved

    def close(self, state: RunState | None = None) -> None:
        """Let go of the other tool's run; a run that is over is not looked at again until it grows."""
        if self.done:
            return
        self.done = True
        state = state or self._follower.state()
        over = not state.status.live
        if over or self._bridge is not None:
            self._bridge_now().end(_ending(state))
        self._keep(over=over)
        self._follower.close()

    def grown(self) -> bool:
        """Whether a run that was over goes on."""
        try:
            return self.done and os.stat(self._tailer.path).st_size > self._tailer.offset
        except OSError:
            return False

    # -- parts

    def _bridge_now(self) -> Bridge:
        if self._bridge is None:
            self._bridge = self._open(self._subject(), self._known)
            self.place = self._known = self._bridge.place
        return self._bridge

    def _subject(self) -> Subject:
        identity, launch = self._follower.identity, self._follower.launch
        starts = self._follower.told(RUN_START)
        config = table(starts[-1].get("config")) if starts else table(launch.get("config"))
        settings = {
            **table(config.get("params")),
            "guard": {"run": self.path.name, "seed": config.get("seed")},
        }
        return Subject(
            run_id=self.path.name,
            name=str(identity.get("name") or self.path.name),
            group=self._follower.group,
            config=settings,
            created=real(identity.get("created")) or 0.0,
        )

    def _tell_signals(self, state: RunState) -> None:
        standing = _standing(state)
        if standing != self._signals:
            self._signals = standing
            self._bridge_now().signals(standing, state.step or 0)
            self._keep()

    def _remember(self, kept: dict[str, Any]) -> None:
        place, offset, inode = kept.get("place"), whole(kept.get("offset")), kept.get("inode")
        if not isinstance(place, str) or offset is None or not isinstance(inode, list) or len(inode) != 2:
            return
        self.place = self._known = place
        self._signals = tuple(map(str, kept.get("signals") or ()))
        self._tailer.resume_at(offset, (inode[0], inode[1]), bytes.fromhex(str(kept.get("memory") or "")))
        self.done = kept.get("over") is True
        self.done = self.done and not self.grown()

    def _keep(self, *, over: bool = False) -> None:
        if self._known is None or self._tailer.inode is None:
            return
        kept = {
            "place": self._known, "offset": self._tailer.offset, "inode": list(self._tailer.inode),
            "memory": self._tailer.memory.hex(), "signals": list(self._signals), "over": over,
        }  # fmt: skip
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._memory, encode(kept), sync=False)


def _kept_in(memory: Path) -> dict[str, Any]:
    try:
        return read_object(memory)
    except (OSError, ValueError):  # never mirrored, or cut: from the beginning
        return {}


def _point(line: bytes) -> Point | None:
    event = decode(line)
    if event is None or event["kind"] not in (METRICS, EVAL):
        return None
    step, t = whole(event.get("step")), real(event.get("t"))
    values = _numbers(event)
    return None if step is None or t is None or not values else Point(t, step, values)


def _numbers(event: Event) -> dict[str, float]:
    found = {name: as_number(value) for name, value in event.items() if name not in _NOT_SERIES}
    return {name: value for name, value in found.items() if name != "kind" and value is not None}


def _standing(state: RunState) -> tuple[str, ...]:
    return tuple(_words(signal) for signal in state.signals if signal.cleared_at is None)


def _words(signal: Signal) -> str:
    return f"[{signal.severity}] {signal.id} at step {signal.raised_at}: {signal.message}"


def _ending(state: RunState) -> Ending:
    best: dict[str, float] = {}
    if state.monitor is not None and state.monitor.best is not None:
        best = {state.monitor.name: state.monitor.best}
        if state.monitor.best_step is not None:
            best["step"] = state.monitor.best_step
    return Ending(state.status.value, state.reason, _standing(state), best)
