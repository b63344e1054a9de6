"""Transitions of signals as episodes: each raised once, perhaps grown worse, acknowledged, cleared."""

from __future__ import annotations

from dataclasses import replace

from guardrun.events.schema import Event
from guardrun.signals.model import SEVERITY_ORDER, Action, Severity, Signal
from guardrun.state.values import real, table, whole, words

_ACTIONS: dict[str, Action] = {
    "off": "off", "observe": "observe", "warn": "warn", "stop": "stop", "abort": "abort",
}  # fmt: skip
_SEVERITIES: dict[str, Severity] = {"info": "info", "warn": "warn", "act": "act"}
_MOST: int = 1000
"""Episodes of information kept; a run that flaps for days must not fill the memory. Warnings still find
room after as many, and what is to be acted on after as many of these."""


class Episodes:
    """Signals by episode, in the order in which they were raised."""

    def __init__(self) -> None:
        self._episodes: list[Signal] = []
        self._open: dict[str, int] = {}

    def add(self, signal: Signal) -> None:
        """Take one transition."""
        place = self._open.get(signal.id)
        if signal.acknowledged_at is not None and signal.cleared_at is None:
            self._acknowledge(place, signal)
            return
        if place is None:
            if len(self._episodes) >= _MOST * (1 + SEVERITY_ORDER[signal.severity]):
                return
            place = len(self._episodes)
            self._episodes.append(signal)
        else:
            # The episode's start stands; what it grew into replaces the rest.
            first = self._episodes[place]
            over = signal.cleared_at is not None
            self._episodes[place] = replace(
                signal,
                first_step=min(first.first_step, signal.first_step),
                # Somebody knew of it to its end; but one that grew worse is news again.
                acknowledged_at=first.acknowledged_at if over else None,
            )
        if signal.cleared_at is None:
            self._open[signal.id] = place
        else:
            self._open.pop(signal.id, None)

    def _acknowledge(self, place: int | None, signal: Signal) -> None:
        if place is None:
            return
        held = self._episodes[place]
        if held.raised_at <= signal.raised_at:
            self._episodes[place] = replace(
                held,
                acknowledged_at=signal.acknowledged_at,
                snoozed_until=signal.snoozed_until,
                snoozed_until_step=signal.snoozed_until_step,
            )

    def close_all(self) -> None:
        """A new attempt: what was raised in the former one no longer stands."""
        for place in self._open.values():
            signal = self._episodes[place]
            self._episodes[place] = replace(signal, cleared_at=signal.raised_at)
        self._open.clear()

    def all(self) -> tuple[Signal, ...]:
        """Every episode, oldest first; those that hold have no ``cleared_at``."""
        return tuple(self._episodes)


def worst_active(signals: tuple[Signal, ...], *, acknowledged: bool = False) -> Signal | None:
    """The signal that holds and weighs most; of equals the newest. Those that a person has acknowledged
    count for nothing, unless ``acknowledged`` asks for these alone."""
    active = [
        signal
        for signal in signals
        if signal.cleared_at is None and (signal.acknowledged_at is not None) == acknowledged
    ]
    return max(active, key=lambda s: (SEVERITY_ORDER[s.severity], s.raised_at), default=None)


def recorded_signal(event: Event) -> Signal | None:
    """The signal that an event records; None when it names no rule."""
    name = words(event.get("id"))
    if not name:
        return None
    raised_at = whole(event.get("raised_at")) or 0
    first = whole(event.get("first_step"))
    cleared_at = whole(event.get("cleared_at"))
    if event.get("state") == "cleared" and cleared_at is None:
        cleared_at = raised_at
    return Signal(
        id=name,
        severity=_SEVERITIES.get(words(event.get("severity")), "warn"),
        action=_ACTIONS.get(words(event.get("action")), "warn"),
        first_step=raised_at if first is None else first,
        raised_at=raised_at,
        message=words(event.get("message")),
        evidence=dict(table(event.get("evidence"))),
        advice=words(event.get("advice")),
        would_change=words(event.get("would_change")),
        would_do=_ACTIONS.get(words(event.get("would_do"))),
        superseded_by=words(event.get("superseded_by")) or None,
        cleared_at=cleared_at,
        acknowledged_at=_acknowledged_at(event, raised_at),
        snoozed_until=real(event.get("snoozed_until")),
        snoozed_until_step=whole(event.get("snoozed_until_step")),
    )


def _acknowledged_at(event: Event, raised_at: int) -> int | None:
    if event.get("state") != "acknowledged":
        return None
    step = whole(event.get("acknowledged_at"))
    return raised_at if step is None else step
