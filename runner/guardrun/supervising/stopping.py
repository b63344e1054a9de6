"""A stop as it happens: commands and events go into the ladder, stages and signals come out."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import psutil

from guardrun.events.commands import STOP, BadCommand, Command
from guardrun.events.schema import ACK, CHECKPOINT, EVAL, METRICS, PHASE, RUN_END, Event
from guardrun.supervising.ladder import Effect, GiveUp, Ladder, Request, Rung, Send, Stage
from guardrun.supervising.process_tree import Identity, identify, send_signal

_SHELLS: Final = frozenset(("sh", "bash", "dash", "zsh", "ksh", "fish"))

_WRAPPERS: Final = _SHELLS | frozenset(
    ("env", "uv", "poetry", "pixi", "conda", "mamba", "nohup",
     "time", "nice", "stdbuf", "torchrun", "accelerate", "deepspeed", "srun", "mpirun")
)  # fmt: skip
"""Programs that only start the training: a stop is meant for what they started."""

_LOOK_AT_CHECKPOINTS_S: Final = 1.0

Record = Callable[[Stage, Request], None]


class Stopper:
    """Drives one ladder. ``record`` writes a stage; ``targets`` are the processes that a rung below SIGKILL
    is for; ``kill_all`` sends SIGKILL to the whole tree. ``before`` is called when a training that reads
    commands does not obey, and before SIGKILL: what can be learnt of it must be learnt now."""

    def __init__(
        self,
        ladder: Ladder,
        *,
        checkpoints: Path,
        record: Record,
        targets: Callable[[Rung], Iterable[Identity]],
        kill_all: Callable[[], None],
        before: Callable[[Rung], None] = lambda rung: None,
    ) -> None:
        self.ladder = ladder
        self.gave_up = False
        self.signalled = False
        """Whether some rung was sent to a process."""
        self._checkpoints = checkpoints
        self._record = record
        self._targets = targets
        self._kill_all = kill_all
        self._before = before
        self._evaluating = False
        """Whether an evaluation runs that SIGINT would discard."""
        self._size = -1
        self._looked = float("-inf")

    def command(self, command: Command, now: float) -> None:
        """A command file of this attempt; commands other than stop are the training's business."""
        if command.command != STOP:
            return
        self.ask(
            Request(
                command.id, command.via, command.reason, now=command.now, grace=command.grace,
                hurry=command.hurry,
            ),
            now,
        )  # fmt: skip

    def ask(self, request: Request, now: float) -> None:
        self._do(self.ladder.asked(request, now))
        if request.now and self._evaluating:
            self._do(self.ladder.discard_evaluation(now))

    def event(self, rank: int, event: Event, now: float) -> None:
        """An event of the training: a stage of the stop, or at least a sign of life."""
        kind = event["kind"]
        self.ladder.ranks.add(rank)
        if rank == 0 and kind in (PHASE, EVAL):
            self._evaluating = event.get("discardable") is True
        if not self.ladder.active:
            return
        if kind == METRICS:
            self.ladder.progressed("step", now)
        elif kind == ACK and event.get("command") == STOP:
            self._do(self.ladder.acknowledged(rank, now))
        elif kind == PHASE and event.get("phase") == "checkpoint":
            self._do(self.ladder.saving(now, rank))
        elif kind == CHECKPOINT and "last" in _roles(event):
            self._do(self.ladder.saved(now, str(event.get("path") or ""), rank))
        elif kind == RUN_END:
            self._do(self.ladder.ended(now, str(event.get("reason") or ""), rank))
        elif kind == EVAL or kind != METRICS:
            self.ladder.progressed("event", now)

    def tick(self, now: float) -> None:
        """Look whether a checkpoint grows, then do what is due by the clock."""
        if not self.ladder.active:
            return
        if now - self._looked >= min(_LOOK_AT_CHECKPOINTS_S, self.ladder.grace / 4):
            self._looked = now
            size = folder_size(self._checkpoints)
            if size > self._size >= 0:
                self.ladder.progressed("checkpoint", now)
            self._size = size
        self._do(self.ladder.tick(now))

    def gone(self) -> None:
        self._do(self.ladder.gone())

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Stage):
                if self.ladder.request is not None:
                    self._record(effect, self.ladder.request)
            elif isinstance(effect, Send):
                self._send(effect)
            elif isinstance(effect, GiveUp):
                self.gave_up = True

    def _send(self, send: Send) -> None:
        self.signalled = True
        if send.rung == "SIGKILL" or (self.ladder.library and not self._evaluating):
            self._before(send.rung)
        if send.rung == "SIGKILL":
            self._kill_all()
            return
        number = signal.Signals[send.rung]
        for process in self._targets(send.rung):
            send_signal(process, number)


def bad_command_text(bad: BadCommand) -> str:
    """A note about a control file that was not obeyed."""
    return f"control file {bad.name} ignored: it {bad.problem}"


def targets_in(child: Identity, rung: Rung) -> list[Identity]:
    """Whom a rung is for when no rank has told its pid: the payload of the training's first process.

    A shell gets SIGINT along with its payload, as from a terminal's Ctrl-C, or it would go on with the next
    line of its script; it gets no SIGTERM, of which it would die before its payload has saved.
    """
    found = payload_of(child)
    try:
        is_shell = psutil.Process(child.pid).name() in _SHELLS
    except psutil.Error:
        is_shell = False
    if is_shell and rung == "SIGINT" and child not in found:
        found.append(child)
    return found


def payload_of(process: Identity) -> list[Identity]:
    """The process that does the work behind shells and launchers: the deepest single line of wrappers.

    A launcher that started several workers (torchrun's agent without our library in the ranks) stands for
    all of them. ``[process]`` itself when it wraps nothing.
    """
    try:
        top = psutil.Process(process.pid)
        if not _wraps(top):
            return [process]
        children = top.children()
    except psutil.Error:
        return [process]
    found: list[Identity] = []
    for child in children:
        inner = identify(child.pid)
        if inner is not None:
            found += payload_of(inner)
    return found or [process]


def _wraps(process: psutil.Process) -> bool:
    if process.name() in _WRAPPERS:
        return True
    words = process.cmdline()[:4]
    return any(Path(word).name in _WRAPPERS for word in words[1:2]) or "torch.distributed.run" in words


def folder_size(folder: Path) -> int:
    """Bytes of all regular files below ``folder``; what vanishes meanwhile counts nothing."""
    total = 0
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
                        elif entry.is_file(follow_symlinks=False):
                            total += entry.stat(follow_symlinks=False).st_size
                    except OSError:
                        continue
        except OSError:
            continue
    return total


def _roles(event: Event) -> list[str]:
    roles = event.get("roles")
    return [str(role) for role in roles] if isinstance(roles, list) else []
