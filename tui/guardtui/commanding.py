"""The only thing the dashboard writes into a run: command files. Answers come back as events."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from guardrun.events.commands import ACKNOWLEDGE, CHECKPOINT, REMARK, STOP, TAG, send_command
from guardrun.events.paths import RunPaths
from guardrun.signals.model import Signal


class Request(NamedTuple):
    """What became of a request: its id, or what went wrong."""

    id: str = ""
    problem: str = ""


def request(path: Path, command: str, attempt: int, what: str = "the request", **fields: Any) -> Request:
    """Leave one command for this attempt of the run."""
    try:
        sent = send_command(RunPaths(path), command, attempt=attempt, via="watch", **fields)
    except OSError as error:
        return Request(problem=f"{what} cannot be written to {path / 'control'}: {error.strerror or error}")
    return Request(sent.id)


def send_stop(path: Path, attempt: int, *, hurry: bool = False, now: bool = False) -> str:
    """Ask this attempt of the run to stop (``hurry``: climb to the next rung; ``now``: without waiting for
    an evaluation, and climbing by itself). "" or what went wrong."""
    return request(path, STOP, attempt, hurry=hurry, now=now).problem


def send_acknowledgement(
    path: Path, attempt: int, signals: Iterable[Signal], *, until: float | None = None,
    until_step: int | None = None,
) -> str:  # fmt: skip
    """Say that a person knows of these signals, for ever or until then. "" or what went wrong."""
    raised = {signal.id: signal.raised_at for signal in signals}
    fields = {"signals": raised, "until": until, "until_step": until_step}
    return request(path, ACKNOWLEDGE, attempt, "the acknowledgement", **fields).problem


def send_checkpoint(path: Path, attempt: int) -> Request:
    """Ask for a checkpoint at the next step boundary."""
    return request(path, CHECKPOINT, attempt)


def send_note(path: Path, attempt: int, text: str) -> str:
    """Write a note about the run. "" or what went wrong."""
    return request(path, REMARK, attempt, "the note", text=text).problem


def send_tags(path: Path, attempt: int, add: Iterable[str], remove: Iterable[str]) -> str:
    """Add and remove tags of the run. "" or what went wrong."""
    return request(path, TAG, attempt, "the tag", add=tuple(add), remove=tuple(remove)).problem
