"""Who belongs to a training, and how to end them all without ever hitting a stranger.

A process is a pid *and* its start time; a signal goes through a pidfd that was opened before the start
time was checked, so that a reused pid is never hit. The supervisor is the subreaper of what it starts:
a daemon that forked twice and called setsid becomes its child, and is found and reaped.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, NamedTuple

import psutil

from guardrun.provenance.host import process_start

_PR_SET_CHILD_SUBREAPER: Final = 36
"""prctl(2): orphans among our descendants become our children instead of init's."""


class Identity(NamedTuple):
    """One process for ever: a pid is reused, a pid with its start time is not."""

    pid: int
    start: int


def identify(pid: int) -> Identity | None:
    """The living process (no zombie) that has this pid now."""
    start = process_start(pid)
    return None if start is None else Identity(pid, start)


def alive(process: Identity) -> bool:
    return process_start(process.pid) == process.start


def send_signal(process: Identity, number: int) -> bool:
    """Send a signal to exactly this process; False when it is gone or not ours."""
    try:
        if not hasattr(os, "pidfd_open"):
            if not alive(process):
                return False
            os.kill(process.pid, number)
            return True
        fd = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if not alive(process):
            return False
        signal.pidfd_send_signal(fd, number)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def become_subreaper() -> bool:
    """Adopt orphaned descendants of this process from now on (Linux); False where that can't be had."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def reap(keep: Collection[int]) -> int:
    """Collect adopted children that have ended, but not the pids in ``keep``, which somebody waits for."""
    count = 0
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid in keep:
                return count
            os.waitpid(ended.si_pid, os.WNOHANG)
        except (ChildProcessError, AttributeError):
            return count
        count += 1


class Tree:
    """The processes of one attempt of a run.

    ``roots`` are processes known to belong to it; with ``adopting`` all descendants of this process
    belong to it too (except ``helpers``, pids of our own). ``session`` and ``marks`` (environment
    entries) find what left its parents.
    """

    def __init__(
        self, marks: Iterable[bytes], *, adopting: bool, helpers: Callable[[], Collection[int]]
    ) -> None:
        self.roots: set[Identity] = set()
        self.session: int | None = None
        self._marks = tuple(marks)
        self._adopting = adopting
        self._helpers = helpers

    def family(self) -> list[Identity]:
        """The living processes that descend from the roots: cheap, for samples."""
        return self._identified(deep=False)

    def members(self) -> list[Identity]:
        """Every living process of the training, found by parentage, session and environment."""
        return self._identified(deep=True)

    def _identified(self, *, deep: bool) -> list[Identity]:
        spared = {*self._helpers(), *_lineage()}
        found: dict[int, Identity] = {}
        for pid in self._candidates(spared, deep=deep):
            identity = identify(pid)
            if identity is not None:
                found[pid] = identity
        return list(found.values())

    def _candidates(self, spared: set[int], *, deep: bool) -> Iterator[int]:
        parents = _parents()
        children: dict[int, list[int]] = {}
        for pid, parent in parents.items():
            children.setdefault(parent, []).append(pid)
        tops = [root.pid for root in list(self.roots) if alive(root)]
        if self._adopting:
            tops += children.get(os.getpid(), [])
        if deep:
            tops += [pid for pid in parents if self._carries_our_sign(pid)]
        seen: set[int] = set(spared)
        while tops:
            pid = tops.pop()
            if pid not in seen:
                seen.add(pid)
                yield pid
                tops += children.get(pid, [])

    def _carries_our_sign(self, pid: int) -> bool:
        if self.session is not None:
            with contextlib.suppress(OSError):
                if os.getsid(pid) == self.session:
                    return True
        if not self._marks:
            return False
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                entries = file.read(1 << 20).split(b"\0")
        except OSError:
            return False
        return all(mark in entries for mark in self._marks)


def _parents() -> dict[int, int]:
    """pid -> parent pid of everything that runs here (field 4 of /proc/<pid>/stat)."""
    try:
        names = os.listdir("/proc")
    except OSError:
        names = []
    found: dict[int, int] = {}
    for name in filter(str.isdigit, names):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                found[int(name)] = int(file.read(4096).rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    if not found:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                found[process.pid] = process.ppid()
    return found


def _lineage() -> set[int]:
    """This process and its ancestors: never part of a training that it supervises."""
    pids = {os.getpid()}
    with contextlib.suppress(psutil.Error):
        pids.update(parent.pid for parent in psutil.Process().parents())
    return pids


def end_all(
    members: Callable[[], list[Identity]],
    *,
    grace: float,
    patience: float = 10.0,
    reap: Callable[[], object] = lambda: None,
    poll: float = 0.05,
) -> list[Identity]:
    """End every process that ``members`` finds: SIGTERM, after ``grace`` seconds SIGKILL, until none is left.

    Asks ``members`` again and again, since a process that is being ended may start others. Returns those
    that are still there after ``patience`` further seconds (hanging in the kernel).
    """
    told: set[Identity] = set()
    begun = time.monotonic()
    while True:
        reap()
        left = members()
        if not left:
            return []
        waited = time.monotonic() - begun
        if waited > grace + patience:
            return left
        for process in left:
            if waited >= grace:
                send_signal(process, signal.SIGKILL)
            elif process not in told:
                send_signal(process, signal.SIGTERM)
        told.update(left)
        time.sleep(poll)
