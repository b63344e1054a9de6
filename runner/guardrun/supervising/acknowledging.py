"""What people say, of signals and of the run: the supervisor records it, and that is all it does."""

from __future__ import annotations

from collections.abc import Iterable, Set

from guardrun.events.commands import REMARK, TAG, Command
from guardrun.events.remarks import said_fields
from guardrun.events.schema import ACK, NOTE, SIGNAL
from guardrun.signals.model import Signal
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.judge import signal_fields


class Acknowledger:
    """Answers acknowledgements, notes and tags, each once. ``answered``: ids of those that a former
    supervisor answered."""

    def __init__(self, log: EventLog, answered: Set[str]) -> None:
        self._log = log
        self._answered = answered
        self._waiting: list[Command] = []

    def take(self, command: Command) -> None:
        """Record a note or tag; keep an acknowledgement until what stands is known."""
        if command.id in self._answered:
            return
        if command.command in (REMARK, TAG):
            self._log.write(ACK, **said_fields(command))
        else:
            self._waiting.append(command)

    def answer(self, active: Iterable[Signal], step: int) -> None:
        """Record which of the named signals stand and have not grown worse since the person saw them."""
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            known = [signal for signal in active if _is_known(signal, command)]
            for signal in known:
                fields = {
                    **signal_fields(signal), "state": "acknowledged", "acknowledged_at": step,
                    "snoozed_until": command.until, "snoozed_until_step": command.until_step,
                }  # fmt: skip
                self._log.write(SIGNAL, **fields, via=command.via, command=command.id)
            if not known:
                text = f"acknowledged by {command.via}, but it no longer stands: {', '.join(command.signals)}"
                self._log.write(NOTE, text=text, command=command.id)


def _is_known(signal: Signal, command: Command) -> bool:
    return signal.raised_at <= command.signals.get(signal.id, -1)
