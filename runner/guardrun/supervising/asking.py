"""The supervisor's own requests for a stop: by the policy, by a budget, by an operating system's signal."""

from __future__ import annotations

from collections.abc import Callable

from guardrun.events.commands import STOP, send_command
from guardrun.events.paths import RunPaths
from guardrun.events.schema import NOTE
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.ladder import Request


class Asker:
    """Sends stop commands through ``control/`` as everybody else does, so that the training obeys them.

    When that folder can't be written, ``directly`` is called instead: a full disk must not make a run
    that explodes unstoppable.
    """

    def __init__(
        self, paths: RunPaths, attempt: int, log: EventLog, directly: Callable[[Request], None]
    ) -> None:
        self._paths = paths
        self._attempt = attempt
        self._log = log
        self._directly = directly

    def stop(
        self,
        via: str,
        reason: str = "",
        *,
        now: bool = False,
        grace: float | None = None,
        hurry: bool = False,
    ) -> None:
        """Ask for a stop, or ask again with ``hurry``."""
        try:
            send_command(
                self._paths, STOP, attempt=self._attempt, via=via, reason=reason, now=now, grace=grace,
                hurry=hurry,
            )  # fmt: skip
        except OSError as error:
            problem = error.strerror or str(error)
            self._log.write(NOTE, text=f"control/ cannot be written ({problem}): signals are used at once")
            self._directly(Request("direct", via, reason, now=now, grace=grace, hurry=hurry))
