"""Start the supervisor as a process that outlives whoever asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from guardrun.events.paths import RunPaths


def spawn_supervisor(
    paths: RunPaths, attempt: int, *, attach: bool = False, takeover: bool = False,
    variables: Mapping[str, str] | None = None,
) -> int:  # fmt: skip
    """Start ``python -m guardrun.supervising`` detached and return its pid. Raises OSError.

    It has a session of its own (a closed terminal's SIGHUP does not reach it), reads nothing, and writes
    what it has to complain about to supervisor.log in the run directory. ``variables``: more for its
    environment, and with it for the training's.
    """
    command = [sys.executable, "-m", "guardrun.supervising", str(paths.root.resolve())]
    command += ["--attempt", str(attempt)]
    if attach:
        command.append("--attach")
    if takeover:
        command.append("--takeover")
    # A run that is started from inside another run's training must not be taken for a part of it.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GUARDRUN_")}
    environment.update(variables or {})
    with open(paths.root / "supervisor.log", "ab", buffering=0) as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env=environment,
        )  # fmt: skip
    return process.pid
