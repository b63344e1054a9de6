"""The only thing the dashboard writes: command files. Answers come back as events."""

from __future__ import annotations

from pathlib import Path

from guardrun.events.commands import STOP, send_command
from guardrun.events.paths import RunPaths


def send_stop(path: Path, attempt: int, *, hurry: bool = False) -> str:
    """Ask this attempt of the run to stop (``hurry``: climb to the next rung). "" or what went wrong."""
    try:
        send_command(RunPaths(path), STOP, attempt=attempt, via="watch", hurry=hurry)
    except OSError as error:
        return f"the request cannot be written to {path / 'control'}: {error.strerror or error}"
    return ""
