"""Feed what the training and the machine tell to the signals engine; its verdicts become history, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from guardrun.events.decode import decode
from guardrun.events.schema import RESUME, RUN_START, Event
from guardrun.events.untrusted import read_head
from guardrun.signals.context import EngineSettings, settings_of
from guardrun.signals.engine import Engine
from guardrun.signals.from_events import point_of
from guardrun.signals.model import Point, Signal
from guardrun.signals.rules.points import TRAIN_LOSS
from guardrun.signals.siblings import Sibling

_FIRST: Final = 10
_HEAD_BYTES: Final = 256 * 1024


class Judge:
    """One engine over everything that is known of a run while it trains.

    ``recorded``: transitions that a former supervisor wrote; ``beginning``: the run's first points, of an
    attempt before this one; ``began``: unix seconds at which this attempt started, after ``spent_before``
    seconds of earlier ones.
    """

    def __init__(
        self, config: Mapping[str, Any], recorded: Iterable[tuple[str, str, int, bool]],
        beginning: Sequence[Point] = (), *, spent_before: float = 0.0, began: float = 0.0,
    ) -> None:  # fmt: skip
        # What came of these is history; the rules only learn from them how an untrained model does.
        self._beginning = tuple(replace(point, t=0.0) for point in beginning)
        self._recorded = Counter(recorded)
        """What history has and this judge has not come to yet; a trouble that comes back is told again."""
        self._began = began
        self._step = 0
        self._trained = False
        self._untold: list[Signal] = []
        self._siblings: tuple[Sibling, ...] = ()
        self._judge_by(settings_of(config, spent_before))

    def _judge_by(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._engine = Engine(settings)
        self._engine.context.siblings = self._siblings
        for point in self._beginning:
            self._engine.feed(point)
        if self._beginning:
            self._engine.resumed()
        # What earlier attempts used up may be all there was: that is told with the next transitions.
        self._untold = self._engine.feed(Point("tick", self._step, None, self._began, {}))

    @property
    def active(self) -> tuple[Signal, ...]:
        """Signals that hold now."""
        return self._engine.active

    @property
    def monitor(self) -> tuple[str | None, str]:
        """The metric by which the run is judged, and its mode."""
        return self._settings.monitor, self._settings.mode

    def compare_with(self, siblings: tuple[Sibling, ...]) -> None:
        """How the other runs of the group are doing, from the next event on."""
        self._siblings = self._engine.context.siblings = siblings

    def feed(self, event: Event, rank: int = 0) -> list[Signal]:
        """New transitions after this event of a rank; those that history already has are left out."""
        if rank == 0 and event["kind"] == RUN_START and isinstance(event.get("monitor"), str):
            # The training has the last word on its monitor; no point has come before its start.
            mode = "max" if event.get("mode") == "max" else "min"
            return self._started(replace(self._settings, monitor=event["monitor"], mode=mode))
        if event["kind"] == RESUME:
            return self._fresh(self._engine.resumed()) if rank == 0 else []
        point = point_of(event, rank=rank, last_step=self._step)
        if point is None:
            return []
        if rank == 0:
            self._step = point.step
            self._trained = self._trained or point.kind == "metrics"
        return self._fresh(self._engine.feed(point))

    def _started(self, settings: EngineSettings) -> list[Signal]:
        """The training started; within one attempt it does so again when its launcher restarts it."""
        over = self._engine.resumed() if self._trained else []
        if settings != self._settings:
            held = [each for each in self._engine.active if each not in self._untold]
            self._recorded.update(_key(each) for each in held)
            self._judge_by(settings)
        return self._fresh(over)

    def sample(self, t: float, values: Mapping[str, float]) -> list[Signal]:
        """The machine was looked at; new transitions."""
        return self._fresh(self._engine.feed(Point("system", self._step, None, t, values)))

    def tick(self, t: float) -> list[Signal]:
        """Time passes and the training says nothing; new transitions."""
        return self._fresh(self._engine.feed(Point("tick", self._step, None, t, {})))

    def end(self, t: float, text: str) -> list[Signal]:
        """The training's process is over, and how, in words; new transitions."""
        return self._fresh(self._engine.feed(Point("end", self._step, None, t, {}, text=text)))

    def _fresh(self, transitions: Sequence[Signal]) -> list[Signal]:
        fresh = []
        untold, self._untold = self._untold, []
        for signal in (*untold, *transitions):
            key = _key(signal)
            if self._recorded[key] > 0:
                self._recorded[key] -= 1
            else:
                fresh.append(signal)
        return fresh


def _key(signal: Signal) -> tuple[str, str, int, bool]:
    return signal.id, signal.severity, signal.raised_at, signal.cleared_at is not None


def first_points(events: Path, attempt: int) -> list[Point]:
    """The run's first points with a training loss, if they are of an attempt before this one."""
    try:
        lines = read_head(events, _HEAD_BYTES).split(b"\n")[:-1]
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
