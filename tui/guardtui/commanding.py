"""The only thing the dashboard writes: command files. Answers come back as events."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from guardrun.events.commands import ACKNOWLEDGE, STOP, send_command
from guardrun.events.paths import RunPaths
from guardrun.signals.model import Signal


def send_stop(path: Path, attempt: int, *, hurry: bool = False) -> str:
    """Ask this attempt of the run to stop (``hurry``: climb to the next rung). "" or what went wrong."""
    try:
        send_command(RunPaths(path), STOP, attempt=attempt, via="watch", hurry=hurry)
    except OSError as error:
        return f"the request cannot be written to {path / 'control'}: {error.strerror or error}"
    return ""


def send_acknowledgement(path: Path, attempt: int, signals: Iterable[Signal]) -> str:
    """Say that a person knows of these signals. "" or what went wrong."""
    raised = {signal.id: signal.raised_at for signal in signals}
    try:
        send_command(RunPaths(path), ACKNOWLEDGE, attempt=attempt, via="watch", signals=raised)
    except OSError as error:
        return f"the acknowledgement cannot be written to {path / 'control'}: {error.strerror or error}"
    return ""
