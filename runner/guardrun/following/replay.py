"""A recorded run played again: its lines are written once more, at a multiple of their own pace.

The copy is a run directory like any other, so that whoever follows it cannot tell it from a live run: the
same tailing, folding and judging. Only its processes are said to be the player's own, which is what lives,
and its times are those of the playing: rates and the time that is left are as fast as the replay.
"""

from __future__ import annotations

import heapq
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from guardrun.events.clocks import BOOTED, SteadyTime
from guardrun.events.decode import decode
from guardrun.events.encode import encode
from guardrun.events.paths import RunPaths, rank_of
from guardrun.events.schema import HEADER, NOTE, RUN_START
from guardrun.events.untrusted import open_regular, read_bounded
from guardrun.provenance.host import boot_id, host_name, process_start
from guardrun.reading.discovery import unreadable
from guardrun.state.values import real, whole

LONGEST_PAUSE_S: Final = 2.0
"""A night between two attempts is not waited for."""
_TICK_S: Final = 0.05
"""Lines that fall into one tick are written together."""
_LONGEST: Final = 1 << 20
"""Bytes of a line; what is longer is left out."""
_MOST_OUTPUT: Final = 64 << 20
"""Bytes of the output that are shown again; what a training prints beyond that is left out."""
_AT_START: Final = ("run.json", "config.yaml", "git.diff")


_TIME: Final = re.compile(rb'\A\{"t":[0-9.eE+-]+')


class _Line(NamedTuple):
    t: float
    number: int
    file: str
    raw: bytes


def playable(source: Path) -> str:
    """Why this run cannot be played; "" when it can."""
    if unreadable(source):
        return f"{source} cannot be read: permission denied"
    try:
        os.close(open_regular(RunPaths(source).events()))
    except FileNotFoundError:
        return f"{source} has no events.jsonl to replay"
    except OSError as error:
        return f"{source} cannot be replayed: its events.jsonl {error.strerror}"
    return ""


def play(source: Path, root: Path, speed: float, ended: threading.Event) -> Path:
    """Write the run at ``source`` anew below ``root``, ``speed`` times as fast as it was; the copy's path.

    Returns when the last line is written or ``ended`` is set. Raises OSError when a file cannot be read or
    the copy cannot be written.
    """
    target = root / source.name
    target.mkdir(parents=True)
    for name in _AT_START:
        _copy(source / name, target / name)
    console = _Console(source, target)
    first, last = _span(source)
    begun, skipped, before = time.monotonic(), 0.0, first
    for line in heapq.merge(*_lines(source)):
        skipped += max(0.0, (line.t - before) / speed - LONGEST_PAUSE_S)
        before = max(before, line.t)
        wait = begun + (line.t - first) / speed - skipped - time.monotonic()
        if wait > _TICK_S and ended.wait(wait):
            return target
        _write(source, target, line, time.time())
        console.show((line.t - first) / max(last - first, 1e-9))
    console.show(1.0)
    return target


def _files(source: Path) -> list[Path]:
    names = ("supervisor.jsonl", "system.jsonl")
    return sorted(path for path in source.iterdir() if rank_of(path.name) is not None or path.name in names)


def _lines(source: Path) -> list[Iterator[_Line]]:
    return [_lines_of(path) for path in _files(source)]


def _lines_of(path: Path) -> Iterator[_Line]:
    """Each line with the latest time told up to there, so that the order within a file stays.

    A file that is a link or no file at all has no lines; a clock that was set makes no pause.
    """
    t, clock, whole_line = 0.0, SteadyTime(), True
    try:
        descriptor = open_regular(path)
    except OSError:
        return
    with open(descriptor, "rb") as file:
        for number, raw in enumerate(iter(lambda: file.readline(_LONGEST), b"")):
            begins, whole_line = whole_line, raw.endswith(b"\n")
            if not begins or (not whole_line and len(raw) == _LONGEST):
                continue
            event = decode(raw) or {}
            if event.get("kind") in (HEADER, NOTE):
                clock.take(event)
            t = max(t, real(clock.correct(event).get("t")) or t)
            yield _Line(t, number, path.name, raw)


def _span(source: Path) -> tuple[float, float]:
    """First and last time of rank 0's file: the pace of all others."""
    first = last = 0.0
    for line in _lines_of(RunPaths(source).events()):
        first = first or line.t
        last = line.t
    return first, last


def _write(source: Path, target: Path, line: _Line, now: float) -> None:
    raw = _TIME.sub(b'{"t":%.6f' % now, line.raw, count=1)
    event = decode(raw) or {}
    if event.get("kind") in (HEADER, RUN_START):
        _show_attempt(source, target, whole(event.get("attempt")))
        raw = _as_ours(event)
    elif BOOTED in event:
        raw = encode({key: value for key, value in event.items() if key != BOOTED})
    with (target / line.file).open("ab") as file:
        file.write(raw)


def _as_ours(event: dict[str, object]) -> bytes:
    """The same beginning, of a process that lives: the player's."""
    pid = os.getpid()
    ours = {"pid": pid, "pid_start": process_start(pid), "host": host_name(), "boot_id": boot_id()}
    told = {**event, **{key: value for key, value in ours.items() if key in event}}
    told.pop(BOOTED, None)  # the times that follow are by the player's clock
    return encode(told)


def _show_attempt(source: Path, target: Path, number: int | None) -> None:
    launch = RunPaths(source).attempt(number or 1)
    shown = RunPaths(target).attempt(number or 1)
    if not shown.exists():
        shown.parent.mkdir(exist_ok=True)
        _copy(launch, shown)


def _copy(source: Path, target: Path) -> None:
    """Copy a small file, if that is what lies there."""
    try:
        content = read_bounded(source)
    except OSError:
        return
    target.write_bytes(content)


class _Console:
    """Output has no times: it is shown in proportion to the time that has passed."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = RunPaths(source).console
        self._target = RunPaths(target).console
        self._size = self._shown = 0
        try:
            fd = open_regular(self._source)
        except OSError:
            return
        self._size = min(os.fstat(fd).st_size, _MOST_OUTPUT)
        os.close(fd)
        self._target.touch()

    def show(self, part: float) -> None:
        wanted = int(self._size * min(1.0, max(0.0, part)))
        if wanted <= self._shown:
            return
        with open(open_regular(self._source), "rb") as read, self._target.open("ab") as write:
            read.seek(self._shown)
            while self._shown < wanted and (piece := read.read(min(_LONGEST, wanted - self._shown))):
                write.write(piece)
                self._shown += len(piece)
        self._shown = wanted
