"""Which signals a person knows of, where no supervisor records it.

Of a live run without a supervisor the training itself answers (an ``ack`` in its events). Of a run that is
over nobody is left to answer: the command file is then itself the record.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from guardrun.events.commands import ACKNOWLEDGE, BadCommand, read_command
from guardrun.events.schema import Event
from guardrun.signals.model import Signal
from guardrun.state.values import table, whole

_MOST_FILES: Final = 2000


class Acknowledgement(NamedTuple):
    """What a person knew at some step of an attempt."""

    attempt: int
    step: int | None
    """None: at the end of the run."""
    raised: Mapping[str, int]
    """Signal -> where it had been raised: one that grew worse or came again later is another matter."""


def acknowledged(
    signals: Iterable[Signal], known: Iterable[Acknowledgement], *, attempt: int, last_step: int
) -> tuple[Signal, ...]:
    """The signals, marked where somebody knows of them; one that grew worse since is not marked."""
    found = tuple(signals)
    for each in known:
        if each.attempt == attempt:
            found = tuple(_marked(signal, each, last_step) for signal in found)
    return found


def acknowledgement(attempt: int, event: Event) -> Acknowledgement | None:
    """What an ``ack`` of the training tells; None when it answers another command."""
    if event.get("command") != ACKNOWLEDGE:
        return None
    raised = {str(key): whole(value) for key, value in table(event.get("signals")).items()}
    known = {key: value for key, value in raised.items() if value is not None}
    return Acknowledgement(attempt, whole(event.get("step")) or 0, known)


class CommandFiles:
    """Acknowledgements that lie in ``control/``, read anew only when the folder changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark: tuple[int, int] | None = None
        self._seen: dict[str, Acknowledgement | None] = {}

    def refresh(self) -> bool:
        """Look again; whether there is one more."""
        try:
            facts = os.stat(self._folder)
            owner = os.stat(self._folder.parent).st_uid
            mark = (facts.st_ino, facts.st_mtime_ns)
            if mark == self._mark:
                return False
            names = sorted(os.listdir(self._folder))[:_MOST_FILES]
        except OSError:
            return False
        self._mark = mark
        before = len(self.known)
        for name in names:
            if name not in self._seen and name.endswith(".json") and not name.startswith("."):
                self._seen[name] = self._read(name, (owner, 0))
        return len(self.known) != before

    @property
    def known(self) -> tuple[Acknowledgement, ...]:
        return tuple(each for each in self._seen.values() if each is not None)

    def _read(self, name: str, obeyed: tuple[int, ...]) -> Acknowledgement | None:
        found = read_command(self._folder / name)
        if isinstance(found, BadCommand) or found.command != ACKNOWLEDGE or found.uid not in obeyed:
            return None
        return Acknowledgement(found.attempt, None, found.signals)


def _marked(signal: Signal, by: Acknowledgement, last_step: int) -> Signal:
    seen = signal.cleared_at is None and signal.raised_at <= by.raised.get(signal.id, -1)
    if not seen or signal.acknowledged_at is not None:
        return signal
    return replace(signal, acknowledged_at=max(last_step, signal.raised_at) if by.step is None else by.step)
