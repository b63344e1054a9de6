"""Several runs as one group: one after the other or a few at a time, each under a supervisor of its own.

The supervisors outlive this process: when it is killed, what runs goes on, and what waits is not started.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from guardrun.cli.events_tail import SupervisorTail, notice
from guardrun.cli.front import Received
from guardrun.cli.launch import Launch, write_attempt
from guardrun.cli.progress_tail import ProgressTail
from guardrun.cli.submitting import refuse_to_submit
from guardrun.cli.terminal import styled
from guardrun.errors import UserError
from guardrun.events.access import Access
from guardrun.events.commands import STOP, send_command
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run
from guardrun.events.schema import SIGNAL
from guardrun.provenance.config import Loaded
from guardrun.provenance.host import process_start
from guardrun.reading.plain_text import plain

_TURN_S: Final = 0.1
_PROGRESS_S: Final = 30.0
_GONE_S: Final = 2.0
"""So long a supervisor's end is awaited in its log after its process has gone."""
NOT_STARTED: Final = "not started"


class Sibling(NamedTuple):
    """A run that is to be started."""

    label: str
    """What tells it from the others: ``lr=0.001 seed=2``."""
    loaded: Loaded
    launch: Launch
    facts: Mapping[str, Any] = {}
    """More for attempts/1.json."""


class Ended(NamedTuple):
    """What became of a sibling."""

    sibling: Sibling
    path: Path | None
    """None: it was never started."""
    status: str
    reason: str = ""
    exit_code: int | None = None
    """What `guard run` would have returned; None where nobody knows."""
    error: str = ""


class _Running:
    """One sibling under its supervisor."""

    def __init__(self, sibling: Sibling, paths: RunPaths, supervisor: int) -> None:
        self.sibling = sibling
        self.paths = paths
        self.supervisor = supervisor
        self.tail = SupervisorTail(paths, 1)
        self.progress = ProgressTail(paths, 1)
        self.told_at = time.monotonic()
        self.gone_since: float | None = None


class GroupRun:
    """Starts siblings, never more than ``parallel`` at a time, and waits for all of them."""

    def __init__(
        self, siblings: Sequence[Sibling], *, runs_dir: Path, parallel: int, parent: str | None = None,
        on_start: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """``on_start`` is called whenever a run has started. Raises UserError where a job is wished."""
        for sibling in siblings:
            refuse_to_submit(sibling.loaded.config.launcher)
        self._waiting = list(siblings)
        self._order = {id(sibling): place for place, sibling in enumerate(siblings)}
        self._runs_dir = runs_dir
        self._parallel = parallel
        self._parent = parent
        self._on_start = on_start
        self._running: list[_Running] = []
        self._ended: list[Ended] = []
        self.stopped_by: int | None = None
        """The first operating-system signal that asked for a stop."""

    def run(self, received: Received) -> list[Ended]:
        """Run them all, in the order given; one that fails stops no other. What became of each."""
        while self._waiting or self._running:
            while received.numbers:
                self._ask(received.numbers.pop(0))
            while self._waiting and len(self._running) < self._parallel and self.stopped_by is None:
                self._start(self._waiting.pop(0))
            if self.stopped_by is not None:
                self._ended += [Ended(one, None, NOT_STARTED) for one in self._waiting]
                self._waiting = []
            self._turn()
            if self._running:
                time.sleep(_TURN_S)
        return sorted(self._ended, key=lambda one: self._order[id(one.sibling)])

    def _start(self, sibling: Sibling) -> None:
        from guardrun.supervising.spawning import spawn_supervisor

        paths: RunPaths | None = None
        try:
            config = sibling.loaded.config
            access = Access(config.access.private, config.access.group)
            paths = create_run(
                self._runs_dir, config.name, group=config.group, parent=self._parent, access=access
            )
            variables = write_attempt(
                paths, 1, sibling.loaded, sibling.launch, resume_from=None, more=sibling.facts
            )
            supervisor = spawn_supervisor(paths, 1, variables=variables)
        except (UserError, OSError) as error:
            if paths is not None:
                shutil.rmtree(paths.root, ignore_errors=True)
            text = error.message if isinstance(error, UserError) else (error.strerror or str(error))
            _say(sibling, f"could not be started: {text}", "red")
            self._ended.append(Ended(sibling, None, "failed", "not started", 1, text))
            return
        _say(sibling, os.path.relpath(paths.root))
        self._running.append(_Running(sibling, paths, supervisor))
        self._on_start()

    def _turn(self) -> None:
        for one in list(self._running):
            for event in one.tail.poll():
                said = notice(event) if event["kind"] == SIGNAL else None
                if said is not None:
                    _say(one.sibling, said[0], *said[1])
            ended = self._end_of(one)
            if ended is not None:
                self._running.remove(one)
                self._ended.append(ended)
                _say_end(ended)
            elif time.monotonic() - one.told_at > _PROGRESS_S:
                one.told_at = time.monotonic()
                line = one.progress.line()
                if line:
                    _say(one.sibling, line, "dim")

    def _end_of(self, one: _Running) -> Ended | None:
        end = one.tail.end
        if end is not None:
            code = end.get("guard_exit")
            return Ended(
                one.sibling, one.paths.root, str(end.get("status") or "unknown"),
                str(end.get("reason") or ""), code if isinstance(code, int) else None,
                str(end.get("error") or ""),
            )  # fmt: skip
        if process_start(one.supervisor) is not None or one.tail.supervisor_lives():
            one.gone_since = None
            return None
        now = time.monotonic()
        one.gone_since = one.gone_since or now
        if now - one.gone_since < _GONE_S:
            return None
        return Ended(one.sibling, one.paths.root, "lost", "its supervisor has vanished")

    def _ask(self, number: int) -> None:
        """The first time asks every running one for a safe stop; again asks to go one rung further."""
        again = self.stopped_by is not None
        self.stopped_by = self.stopped_by or number
        via = "sigint" if number == signal.SIGINT else "sigterm"
        what = "one step further" if again else "stopping what runs, safely; no more are started"
        print(f"guard: {what}", file=sys.stderr, flush=True)
        for one in self._running:
            grace = one.sibling.loaded.config.stop.grace if via == "sigterm" else None
            try:
                send_command(one.paths, STOP, attempt=1, via=via, hurry=again, grace=grace)
            except OSError as error:
                _say(one.sibling, f"the command cannot be written: {error.strerror}", "red")
                _terminate(one.supervisor)


def _terminate(supervisor: int) -> None:
    """SIGTERM asks a supervisor for a safe stop, too."""
    try:
        os.kill(supervisor, signal.SIGTERM)
    except OSError:
        pass


def _say(sibling: Sibling, text: str, *styles: str) -> None:
    label = f"[{sibling.label}] " if sibling.label else ""
    print(styled(f"guard: {plain(label + text)}", *styles, stream=sys.stderr), file=sys.stderr, flush=True)


def _say_end(ended: Ended) -> None:
    from guardrun.cli.run_words import reason_words

    words = ended.status
    if ended.reason and ended.reason != ended.status:
        words += f": {reason_words(ended.reason)}"
    if ended.error:
        words += f" ({ended.error})"
    _say(ended.sibling, words, *(("red",) if ended.exit_code else ()))


def exit_code_of(ended: Sequence[Ended]) -> int:
    """0 when every one ended well; else 1 (one failed, or was never started), 5 (forced) or 3 (aborted)."""
    codes = {1 if one.exit_code is None else one.exit_code for one in ended}
    for code in (1, 5, 3):
        if code in codes:
            return code
    return max(codes, default=0)
