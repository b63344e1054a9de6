"""Stop a training that no supervisor watches, on behalf of the person who asks for it right now."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from guardrun.events.commands import Command
from guardrun.events.paths import RunPaths
from guardrun.events.schema import RUN_END
from guardrun.provenance.host import lease_liveness, read_lease
from guardrun.supervising.ladder import Ladder, Request, Stage
from guardrun.supervising.launching import grace_of
from guardrun.supervising.process_tree import Identity, Tree, alive, send_signal
from guardrun.supervising.stopping import Stopper
from guardrun.supervising.training_log import TrainingLog


def supervisor_lives(paths: RunPaths, attempt: int) -> bool:
    """Whether somebody supervises this attempt, here or (as far as can be told) on another host."""
    facts = read_lease(paths.lease("supervisor"))
    if facts is None or facts.get("attempt") != attempt:
        return False
    return lease_liveness(facts) in ("alive", "unknown")


class UnsupervisedStop:
    """The ladder of one stop without a supervisor, as long as the asking command lasts; writes nothing.

    The training obeys the control file by itself; the rungs above that are climbed here, for a person who
    asked for it, and only on the host where the training runs. ``record`` is told each stage.

    ``notebook``: the training's process is somebody's notebook. It outlives its runs, and what is in its
    memory is worth more than a training that does not stop: beyond SIGINT, which interrupts a cell, nothing
    is sent to it.
    """

    def __init__(
        self, paths: RunPaths, attempt: int, launch: Mapping[str, Any], *, record: Callable[[Stage], None],
        notebook: bool = False,
    ) -> None:  # fmt: skip
        self._events = TrainingLog(paths, attempt)
        while not self._events.caught_up:
            self._events.poll()
        self._notebook = notebook
        self._ended: set[int] = set()
        """Ranks that have told their end."""
        self._tree = Tree((), adopting=False, helpers=tuple)
        lease = read_lease(paths.lease("trainer")) or {}
        self._lease = Identity(lease.get("pid", 0), lease.get("pid_start") or 0)
        self._stopper = Stopper(
            Ladder(library=True, grace=grace_of(launch), highest="SIGINT" if notebook else "SIGKILL"),
            checkpoints=paths.checkpoints,
            record=lambda stage, request: record(stage),
            targets=lambda rung: self._ranks(),
            kill_all=self._kill_all,
        )

    def ask(self, command: Command) -> None:
        """The command that was sent, or a later one that hurries it."""
        self._stopper.command(command, time.monotonic())

    def turn(self) -> bool:
        """Follow the training for a moment; True once no process of it is left (or can be ended); of a
        notebook's once its run has ended.
        """
        now = time.monotonic()
        for rank, event in self._events.poll():
            self._stopper.event(rank, event, now)
            if event["kind"] == RUN_END:
                self._ended.add(rank)
        if self._notebook and self._ended and self._ended >= set(self._events.ranks):
            return True
        self._stopper.tick(now)
        if self._stopper.gave_up:
            return True
        if any(alive(process) for process in self._ranks()):
            return False
        for rank, event in self._events.poll():
            self._stopper.event(rank, event, now)
        self._stopper.gone()
        return True

    @property
    def forced(self) -> bool:
        return self._stopper.ladder.forced

    @property
    def request(self) -> Request | None:
        return self._stopper.ladder.request

    def _ranks(self) -> list[Identity]:
        return list({*self._events.ranks.values(), self._lease})

    def _kill_all(self) -> None:
        self._tree.roots.update(self._ranks())
        for process in self._tree.family():
            send_signal(process, signal.SIGKILL)
