"""The disk of the run is nearly full, or will be before the run is over."""

from __future__ import annotations

from typing import Final

from guardrun.signals.context import Context
from guardrun.signals.growth import Growth, Horizon, Outlook
from guardrun.signals.machine import DISK_FREE
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.words import bytes_words, seconds_words

FLOOR: Final = 2.0**30
LAST_FLOOR: Final = 2.0**28
ROOM: Final = 2.0
"""Checkpoints that must still fit: a new one is whole before an old one goes."""
CLEAR: Final = 1.2
_NO_SPACE: Final = ("No space left on device", "Disk quota exceeded", "ENOSPC")


class DiskFull:
    """The disk of the run is nearly full, or will be before the run is over.

    Definition: less than 1 GiB is free, or less than two checkpoints take (the largest fall of the free space
    while one was written). One to act on: less than 256 MiB or one checkpoint. The same when free space
    falls steadily, as ``memory_growth`` defines it, and reaches that floor before the run's end; and when a
    training ends with "No space left on device".

    Defaults: 1 GiB and two checkpoints; warns and never stops a run.

    Source: a checkpoint is written whole beside the old one before that goes; events and logs need little.

    Wrong when: others fill and clear the same disk.
    """

    about = About(
        id="disk_full", family="resources", kinds=frozenset(("system", "phase", "end")), clear_after=3,
        graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._context = context
        self._checkpoint = 0.0
        """Bytes that one took, as far as was seen."""
        self.reset()

    def reset(self) -> None:
        self._course = Growth()
        self._horizon = Horizon(self._context)
        self._free: float | None = None
        self._before: float | None = None
        """Free when the checkpoint in progress began."""
        self._saving = False
        self._low: int | None = None
        """The step since which the floor is passed."""
        self._on_course: Outlook | None = None
        self._ended = ""
        self._point: Point | None = None
        self._left: float | None = None

    def update(self, point: Point) -> bool:
        if point.kind == "system":
            return self._take_sample(point)
        if point.kind == "end":
            self._ended = next((text for text in _NO_SPACE if text in point.text), self._ended)
            self._point = point
            return bool(self._ended)
        self._horizon.take_phase(point)
        if point.text == "checkpoint":
            self._before, self._saving = self._free, True
        else:
            self._saving = False
        return False

    def _take_sample(self, point: Point) -> bool:
        free = point.values.get(DISK_FREE)
        if free is None or not free >= 0:
            return False
        if self._before is not None:
            self._checkpoint = max(self._checkpoint, self._before - free)
            # The first sample after the end of a checkpoint sees all of it.
            self._before = self._before if self._saving else None
        self._free, self._point = free, point
        floor = self._floor()
        if free < (floor if self._low is None else CLEAR * floor):
            self._low = point.step if self._low is None else self._low
        else:
            self._low = None
        if not point.t > 0 or point.step <= 0:
            return True
        self._left = self._horizon.seconds_left(point)
        if self._course.take(point.t, point.step, -free):
            outlook = self._course.outlook(-floor)
            late = outlook is not None and self._left is not None and outlook.seconds_left > self._left
            self._on_course = None if late else outlook
        return True

    def _floor(self) -> float:
        return max(FLOOR, ROOM * self._checkpoint)

    def finding(self) -> Finding | None:
        if self._ended:
            return self._end_finding()
        if self._low is not None:
            return self._low_finding(self._low)
        if self._on_course is not None:
            return self._course_finding(self._on_course)
        return None

    def _end_finding(self) -> Finding:
        step = self._point.step if self._point is not None else 0
        return Finding(
            "warn", step, f'The training ended with "{self._ended}".', self._evidence(), _ADVICE,
            "a resume with room on the disk",
        )  # fmt: skip

    def _low_finding(self, since: int) -> Finding:
        free = self._free or 0.0
        urgent = free < max(LAST_FLOOR, self._checkpoint)
        size = f"; a checkpoint takes {bytes_words(self._checkpoint)}" if self._checkpoint > 0 else ""
        return Finding(
            "act" if urgent else "warn", since,
            f"Only {bytes_words(free)} are free on the disk of the run{size}.",
            self._evidence(), _ADVICE, f"{bytes_words(CLEAR * self._floor())} free",
        )  # fmt: skip

    def _course_finding(self, outlook: Outlook) -> Finding:
        until = "" if self._left is None else f", and the run needs {seconds_words(self._left)} more"
        evidence = self._evidence() | {
            "bytes_per_hour": outlook.per_hour, "seconds_left": round(outlook.seconds_left, 1),
            "run_seconds_left": self._left, "z": round(outlook.z, 2),
        }  # fmt: skip
        return Finding(
            "warn", outlook.first_step,
            f"The disk fills by {bytes_words(outlook.per_hour)} an hour and will be full in "
            f"{seconds_words(outlook.seconds_left)}{until}.",
            evidence, _ADVICE, "free space that falls no longer",
        )  # fmt: skip

    def _evidence(self) -> dict[str, float | None]:
        return {
            "value": self._free, "threshold": self._floor(), "window": 1,
            "checkpoint_bytes": self._checkpoint or None,
        }  # fmt: skip


_ADVICE: Final = (
    "Delete what is not needed on this disk, keep fewer checkpoints (checkpoint.keep), or save less often; "
    "guard never deletes what it did not write."
)
