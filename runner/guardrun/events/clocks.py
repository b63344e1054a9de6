"""Clocks that are set while a run lasts: how a log tells that, and which times its events have all the same.

An event's ``t`` is what the clock on the wall said. Each header holds ``booted``: when, by that clock, the
host had booted. A clock that is set by more than a second says another time for that, and a ``note`` with the
new one comes before the next event. So a reader takes away what the clock jumped, and durations stay what
they were. A machine that slept has set no clock: the time since boot counts sleep.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from guardrun.events.decode import as_number
from guardrun.events.schema import HEADER

if TYPE_CHECKING:
    from guardrun.events.schema import Event

BOOTED = "booted"
WALL = "wall"
"""In events that a reader gave a steady ``t``: what the clock on the wall had said."""
_LEAST_S = 1.0
"""Smaller corrections of a clock change no duration that anybody looks at."""
_MOST_S = 1e11
"""No clock is wrong by more; beyond, the log is."""
_SINCE_BOOT: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_in_namespace: float | None = None


def booted() -> float:
    """Unix seconds at which this host booted, as its clock has it now."""
    if _SINCE_BOOT is None:
        return time.time() - time.monotonic()
    return time.time() - time.clock_gettime(_SINCE_BOOT) + _offset_of_namespace()


def _offset_of_namespace() -> float:
    """What this process's time since boot has more than its host's (time_namespaces(7))."""
    global _in_namespace
    if _in_namespace is None:
        _in_namespace = 0.0
        try:
            with open("/proc/self/timens_offsets", encoding="ascii") as file:
                rows = [line.split() for line in file.read(4096).splitlines()]
            told = {row[0]: float(row[1]) + float(row[2]) / 1e9 for row in rows}
            _in_namespace = told.get("boottime", 0.0)
        except (OSError, ValueError, IndexError):
            pass
    return _in_namespace


class ClockWatch:
    """The writer's side: sees that the clock was set, from the times it stamps."""

    __slots__ = ("_ahead", "booted")

    def __init__(self) -> None:
        self.booted = booted()
        self._ahead = time.time() - time.monotonic()

    def was_set(self, t: float) -> Event | None:
        """Before an event of that time is written: the note that must stand before it, if any."""
        if -_LEAST_S < t - time.monotonic() - self._ahead < _LEAST_S:
            return None
        return self._look(t)

    def _look(self, t: float) -> Event | None:
        since, now = booted(), time.time()
        moved = since - self.booted
        if abs(t - now) > abs(t - now + moved):
            return None  # stamped before the clock was set, and written after
        self._ahead = now - time.monotonic()
        if abs(moved) <= _LEAST_S:
            return None  # the event had waited, or the machine had slept
        self.booted = since
        way = "forward" if moved > 0 else "back"
        return {"text": f"the clock was set {_words(abs(moved))} {way}", BOOTED: since}


class SteadyTime:
    """The reader's side: takes a log's headers and notes in order, and tells by how much its clock is ahead
    of the one by which the log began."""

    __slots__ = ("boot", "reference", "shift")

    def __init__(self) -> None:
        self.boot = ""
        """Id of the boot that the newest header was written in; "" where it tells none."""
        self.reference: float | None = None
        """``booted`` of that boot's first header; None where it is not told."""
        self.shift = 0.0
        """Seconds by which the clock was set forward since."""

    def take(self, event: Event) -> None:
        """A header or a note, in order."""
        told = as_number(event.get(BOOTED))
        known = told is not None and -_MOST_S < told < _MOST_S
        if event["kind"] == HEADER:
            boot = event.get("boot_id")
            if not known or not isinstance(boot, str) or not boot or boot != self.boot:
                self.boot = boot if isinstance(boot, str) else ""
                self.reference, self.shift = (told if known else None), 0.0
                return
        if known and told is not None and self.reference is not None:
            shift = told - self.reference
            self.shift = shift if abs(shift) > _LEAST_S else 0.0

    def correct(self, event: Event) -> Event:
        """The event with a steady ``t``; itself where no clock was set."""
        t = as_number(event.get("t")) if self.shift else None
        return event if t is None else {**event, "t": t - self.shift, WALL: t}

    def corrected_for(self, event: Event, boot: str, since: float) -> Event:
        """The event with ``t`` by the clock that says so of that boot; see ``by_clock_of``."""
        ahead = self.by_clock_of(boot, since) - self.shift
        t = as_number(event.get("t")) if abs(ahead) > _LEAST_S else None
        return event if t is None else {**event, "t": t + ahead, WALL: t}

    def by_clock_of(self, boot: str, since: float | None) -> float:
        """What to add to a steady time to have it by the clock of a reader that says its host booted then."""
        if since is not None and self.reference is not None and self.boot and boot == self.boot:
            return since - self.reference
        return self.shift


def wall_time(event: Event) -> float | None:
    """What the clock on the wall said at an event, corrected or not."""
    told: Any = event.get(WALL)
    t = as_number(event.get("t") if told is None else told)
    return t if t is not None and t - t == 0 else None


def _words(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
