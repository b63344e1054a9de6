"""What a run's supervisor.jsonl tells a supervisor that starts now."""

from __future__ import annotations

from collections import Counter

from guardrun.events.clocks import SteadyTime, booted
from guardrun.events.decode import as_number, decode
from guardrun.events.paths import RunPaths
from guardrun.events.schema import ACK, HEADER, NOTE, RUN_START, SIGNAL, Event
from guardrun.provenance.host import boot_id, host_name
from guardrun.reading.tailer import Tailer


class PastAttempts:
    """Seconds of earlier attempts, and how far this attempt had come when it is taken up again."""

    def __init__(self, paths: RunPaths, attempt: int) -> None:
        self.started: float | None = None
        """When a former supervisor of this attempt began: unix seconds, by the clock as it is now."""
        self.pid: int | None = None
        self.pid_start: int | None = None
        """The training process that it had started."""
        self.here = False
        """Whether that supervisor ran on this host since its last boot."""
        self.signals: Counter[tuple[str, str, int, bool]] = Counter()
        """(id, severity, raised_at, cleared) of this attempt's recorded signals."""
        self.answered: set[str] = set()
        """Ids of this attempt's acknowledgements, notes and tags that were answered."""
        self._attempt = attempt
        self._current = 0
        self._spans: dict[int, tuple[float, float]] = {}
        self._clock = SteadyTime()
        self._read(Tailer(paths.supervisor))

    def _read(self, tailer: Tailer) -> None:
        more = True
        while more:
            chunk = tailer.read()
            more = chunk.more
            for line in chunk.lines.splitlines():
                event = decode(line)
                if event is not None:
                    self._take(event)
        if self.started is not None:
            self.started += self._clock.by_clock_of(boot_id(), booted())

    @property
    def seconds(self) -> float:
        """Training time of the attempts before this one, as far as they were supervised."""
        return sum(last - first for n, (first, last) in self._spans.items() if n < self._attempt)

    def _take(self, event: Event) -> None:
        if event["kind"] in (HEADER, NOTE):
            self._clock.take(event)
        number, t = event.get("attempt"), as_number(self._clock.correct(event).get("t"))
        if isinstance(number, int):
            self._current = number
        if t is not None and (event["kind"] == RUN_START or self._current in self._spans):
            first, last = self._spans.get(self._current, (t, t))
            self._spans[self._current] = (first, max(last, t))
        if self._current == self._attempt:
            self._take_ours(event, t)

    def _take_ours(self, event: Event, t: float | None) -> None:
        if event["kind"] in (SIGNAL, NOTE) and isinstance(event.get("command"), str):
            self.answered.add(event["command"])
        elif event["kind"] == ACK:
            self.answered.add(str(event.get("id")))
        if event["kind"] == HEADER:
            self.here = event.get("host") == host_name() and event.get("boot_id") == boot_id()
        elif event["kind"] == RUN_START:
            self.started = self.started or t
            pid, start = event.get("pid"), event.get("pid_start")
            if isinstance(pid, int) and isinstance(start, int):
                self.pid, self.pid_start = pid, start
        elif event["kind"] == SIGNAL:
            raised_at = event.get("raised_at")
            step = raised_at if isinstance(raised_at, int) else 0
            cleared = event.get("state") == "cleared"
            self.signals[str(event.get("id")), str(event.get("severity")), step, cleared] += 1
