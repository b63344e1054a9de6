"""Feed the training's events to the signals engine; what it raises and clears becomes history, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from guardrun.events.decode import decode
from guardrun.events.schema import RESUME, RUN_START, Event
from guardrun.signals.context import EngineSettings, settings_of
from guardrun.signals.engine import Engine
from guardrun.signals.from_events import point_of
from guardrun.signals.model import Point, Signal
from guardrun.signals.rules.points import TRAIN_LOSS

_FIRST: Final = 10
_HEAD_BYTES: Final = 256 * 1024


class Judge:
    """One engine over rank 0's points. ``recorded``: transitions that a former supervisor wrote;
    ``beginning``: the run's first points, of an attempt before this one."""

    def __init__(
        self, config: Mapping[str, Any], recorded: set[tuple[str, str, int, bool]],
        beginning: Sequence[Point] = (),
    ) -> None:  # fmt: skip
        self._beginning = tuple(beginning)
        self._recorded = recorded
        self._judge_by(settings_of(config))

    def _judge_by(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._engine = Engine(settings)
        for point in self._beginning:
            # What came of these is history; the rules only learn from them how an untrained model does.
            self._engine.feed(point)
        if self._beginning:
            self._engine.resumed()

    @property
    def active(self) -> tuple[Signal, ...]:
        """Signals that hold now."""
        return self._engine.active

    def feed(self, event: Event) -> list[Signal]:
        """New transitions after this event; those that history already has are left out."""
        if event["kind"] == RUN_START and isinstance(event.get("monitor"), str):
            # The training has the last word on its monitor; no point has come before its start.
            mode = "max" if event.get("mode") == "max" else "min"
            self._judge_by(replace(self._settings, monitor=event["monitor"], mode=mode))
            return []
        if event["kind"] == RESUME:
            transitions = self._engine.resumed()
        else:
            point = point_of(event)
            transitions = [] if point is None else self._engine.feed(point)
        fresh = []
        for signal in transitions:
            key = (signal.id, signal.severity, signal.raised_at, signal.cleared_at is not None)
            if key not in self._recorded:
                self._recorded.add(key)
                fresh.append(signal)
        return fresh


def first_points(events: Path, attempt: int) -> list[Point]:
    """The run's first points with a training loss, if they are of an attempt before this one."""
    try:
        with open(events, "rb") as file:
            lines = file.read(_HEAD_BYTES).split(b"\n")[:-1]
    except OSError:
        return []
    found: list[Point] = []
    for event in filter(None, map(decode, lines)):
        number = event.get("attempt")
        if len(found) == _FIRST or (isinstance(number, int) and number >= attempt):
            break
        point = point_of(event)
        if point is not None and TRAIN_LOSS in point.values:
            found.append(point)
    return found


def signal_fields(signal: Signal) -> dict[str, Any]:
    """A signal as the fields of its event in supervisor.jsonl."""
    return {
        "id": signal.id, "severity": signal.severity, "action": signal.action,
        "state": "raised" if signal.cleared_at is None else "cleared", "first_step": signal.first_step,
        "raised_at": signal.raised_at, "cleared_at": signal.cleared_at, "message": signal.message,
        "evidence": dict(signal.evidence), "advice": signal.advice, "would_change": signal.would_change,
        "would_do": signal.would_do, "superseded_by": signal.superseded_by,
    }  # fmt: skip
