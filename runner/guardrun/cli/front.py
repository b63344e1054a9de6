"""The front of a run: shows what the training prints, says what guard sees, passes on Ctrl-C.

It holds nothing up: the supervisor is another process, and a front that goes away stops no training.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType
from typing import Any

from guardrun.cli.console import ConsoleTail
from guardrun.cli.events_tail import SupervisorTail, notice
from guardrun.cli.progress_tail import ProgressTail
from guardrun.cli.terminal import styled
from guardrun.errors import UserError
from guardrun.events.commands import STOP, send_command
from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import read_tail
from guardrun.provenance.host import process_start
from guardrun.provenance.slurm import job_in
from guardrun.reading.plain_text import plain

_TURN_S = 0.1
_START_S = 60.0
"""For the supervisor's first word; a busy machine may take its time to import it."""

_SILENT_S = 5.0
"""After so long without a word from the training, the front says how far it is."""

_VIA = {signal.SIGINT: "sigint", signal.SIGTERM: "sigterm", signal.SIGUSR1: "scheduler"}


class Received:
    """Ctrl-C and SIGTERM, kept until somebody asks for them; in a job of Slurm SIGUSR1 as well, its warning.
    Listens from ``with`` on.

    To be entered before the supervisor is started: from then on a stop must reach the training, and never
    end only the front.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Received:
        for number in _VIA:
            if number == signal.SIGUSR1 and job_in(os.environ) is None:
                continue
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.numbers.append(number)


class Front:
    """Waits in front of one attempt until its supervisor says that it is over."""

    def __init__(
        self,
        paths: RunPaths,
        attempt: int,
        *,
        supervisor: int,
        grace: float,
        warning: float,
        console_offset: int = 0,
        catch_up: bool = True,
    ) -> None:
        """``grace``: seconds without progress until a SIGTERM's stop climbs; ``warning``: seconds that are
        left after a scheduler's; ``catch_up``: tell old news."""
        self._paths = paths
        self._attempt = attempt
        self._supervisor = supervisor
        self._graces = {"sigterm": grace, "scheduler": warning / 2}
        self._tail = SupervisorTail(paths, attempt)
        self._console = ConsoleTail(paths.console, sys.stdout, offset=console_offset)
        self._progress = ProgressTail(paths, attempt)
        self._spoke = time.monotonic()
        self._asked = 0
        self._quiet = not catch_up
        self.stopped_by: int | None = None
        """The first operating-system signal that asked for a stop."""

    def wait_until_started(self) -> None:
        """Until the training has been started (or could not be). Raises UserError if nobody starts it."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            lives = process_start(self._supervisor) is not None
            self._say_news()
            if self._tail.told:
                return
            if not lives:
                break
            time.sleep(0.02)
        raise self._never_started()

    def _never_started(self) -> UserError:
        return UserError(
            "the supervisor ended before it started the training", hint=_last_words(self._paths), exit_code=1
        )

    def wait(self, received: Received) -> dict[str, Any]:
        """Show and pass on until the end; the supervisor's run_end.

        Raises UserError when the supervisor vanishes, BrokenPipeError when nobody reads the output.
        """
        gone_since: float | None = None
        while True:
            busy = self._console.pump()
            self._say_news()
            if self._tail.end is not None:
                self._console.finish()
                return self._tail.end
            while received.numbers:
                number = received.numbers.pop(0)
                self.stopped_by = self.stopped_by or number
                self._ask(_VIA[signal.Signals(number)])
            gone_since = self._supervisor_gone_since(gone_since)
            if busy:
                self._spoke = time.monotonic()
            else:
                self._say_progress()
                time.sleep(_TURN_S)

    @property
    def end(self) -> dict[str, Any] | None:
        return self._tail.end

    def look(self) -> dict[str, Any] | None:
        """The end if it has come, without showing anything."""
        self._quiet = True
        self._tail.poll()
        return self._tail.end

    def _ask(self, via: str) -> None:
        """The first time asks for a safe stop; again asks to go one rung further."""
        again, self._asked = self._asked > 0, self._asked + 1
        if again:
            self._say("asked again: one step further", "yellow")
        else:
            further = "; Ctrl-C again goes one step further" if via == "sigint" else ""
            self._say(f"stopping safely at the next step boundary{further}", "yellow")
        try:
            send_command(
                self._paths, STOP, attempt=self._attempt, via=via, hurry=again,
                grace=self._graces.get(via),
            )  # fmt: skip
        except OSError as error:
            self._say(f"the command cannot be written ({error.strerror}); telling the supervisor", "red")
            try:
                os.kill(self._supervisor, signal.SIGTERM)
            except OSError:
                pass

    def _say_news(self) -> None:
        for event in self._tail.poll():
            said = notice(event)
            if said is not None and not self._quiet:
                self._say(said[0], *said[1])
        self._quiet = False

    def _say_progress(self) -> None:
        if time.monotonic() - self._spoke < _SILENT_S:
            return
        self._spoke = time.monotonic()
        line = self._progress.line()
        if line:
            self._say(line, "dim")

    def _say(self, text: str, *styles: str) -> None:
        self._spoke = time.monotonic()
        self._console.end_line()
        print(styled(f"guard: {plain(text)}", *styles, stream=sys.stderr), file=sys.stderr, flush=True)

    def _supervisor_gone_since(self, since: float | None) -> float | None:
        """When it went, for a last look at its log; raises UserError when it stays away."""
        if process_start(self._supervisor) is not None or self._tail.supervisor_lives():
            return None
        now = time.monotonic()
        if since is None:
            return now
        if now - since > 1.0:
            self._console.finish()
            if not self._tail.told:
                raise self._never_started()
            raise UserError(
                "the supervisor has vanished; the training may still run",
                hint=f"guard run --attach {self._paths.root} supervises it again\n{_last_words(self._paths)}",
                exit_code=1,
            )
        return since


def _last_words(paths: RunPaths) -> str:
    """The end of what the supervisor complained about."""
    try:
        lines = read_tail(paths.root / "supervisor.log", 2000).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-5:])


def end_by(number: int) -> int:
    """End this process by that operating-system signal, so that shells and schedulers understand."""
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number
