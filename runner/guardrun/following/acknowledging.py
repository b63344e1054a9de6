"""What people say of a run and its signals, where no supervisor records it.

Of a live run without a supervisor the training itself answers (an ``ack`` in its events). Of a run that is
over nobody is left to answer: the command file is then itself the record.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from guardrun.events.access import Senders
from guardrun.events.commands import ACKNOWLEDGE, REMARK, TAG, BadCommand, Command, read_command
from guardrun.events.paths import RunPaths
from guardrun.events.remarks import said_fields
from guardrun.events.schema import Event
from guardrun.events.untrusted import names_inside
from guardrun.signals.model import Signal
from guardrun.state.values import real, table, whole

_MOST_FILES: Final = 2000


class Acknowledgement(NamedTuple):
    """What a person knew at some step of an attempt."""

    attempt: int
    step: int | None
    """None: at the end of the run."""
    raised: Mapping[str, int]
    """Signal -> where it had been raised: one that grew worse or came again later is another matter."""
    until: float | None = None
    until_step: int | None = None
    """Of a snooze: when the signals come back by themselves."""


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
    until = real(event.get("until")), whole(event.get("until_step"))
    return Acknowledgement(attempt, whole(event.get("step")) or 0, known, *until)


def awake(signals: Iterable[Signal], now: float, step: int) -> tuple[Signal, ...]:
    """The signals, those whose snooze is over as if nobody had said that they know of them."""
    return tuple(_woken(signal, now, step) for signal in signals)


def _woken(signal: Signal, now: float, step: int) -> Signal:
    rested = signal.snoozed_until is not None and now >= signal.snoozed_until
    rested |= signal.snoozed_until_step is not None and step >= signal.snoozed_until_step
    if not rested or signal.cleared_at is not None:
        return signal
    return replace(signal, acknowledged_at=None, snoozed_until=None, snoozed_until_step=None)


class CommandFiles:
    """Acknowledgements, notes and tags that lie in ``control/``, read anew only when the folder changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark: tuple[int, int] | None = None
        self._seen: dict[str, Command | None] = {}

    def refresh(self) -> bool:
        """Look again; whether there is one more."""
        try:
            facts = os.stat(self._folder, follow_symlinks=False)
            owner = os.stat(self._folder.parent).st_uid
            mark = (facts.st_ino, facts.st_mtime_ns)
            if mark == self._mark:
                return False
            names = sorted(names_inside(self._folder))[:_MOST_FILES]
        except OSError:
            return False
        self._mark = mark
        before = len(self._found)
        senders = Senders(RunPaths(self._folder.parent), owner)
        for name in names:
            if name not in self._seen and name.endswith(".json") and not name.startswith("."):
                self._seen[name] = self._read(name, senders)
        return len(self._found) != before

    @property
    def known(self) -> tuple[Acknowledgement, ...]:
        """The acknowledgements."""
        return tuple(
            Acknowledgement(each.attempt, None, each.signals, each.until, each.until_step)
            for each in self._found
            if each.command == ACKNOWLEDGE
        )

    @property
    def said(self) -> tuple[Event, ...]:
        """The notes and tags, as the ``ack`` that would record them, with their attempt."""
        return tuple(
            {**said_fields(each), "attempt": each.attempt}
            for each in self._found
            if each.command in (REMARK, TAG)
        )

    @property
    def _found(self) -> list[Command]:
        return [each for each in self._seen.values() if each is not None]

    def _read(self, name: str, senders: Senders) -> Command | None:
        found = read_command(self._folder / name)
        if isinstance(found, BadCommand) or not senders.obeys(found.uid):
            return None
        return found if found.command in (ACKNOWLEDGE, REMARK, TAG) else None


def _marked(signal: Signal, by: Acknowledgement, last_step: int) -> Signal:
    seen = signal.cleared_at is None and signal.raised_at <= by.raised.get(signal.id, -1)
    snoozed = signal.snoozed_until is not None or signal.snoozed_until_step is not None
    if not seen or (signal.acknowledged_at is not None and not snoozed):
        return signal
    at = max(last_step, signal.raised_at) if by.step is None else by.step
    return replace(signal, acknowledged_at=at, snoozed_until=by.until, snoozed_until_step=by.until_step)
