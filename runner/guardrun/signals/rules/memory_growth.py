"""Memory grows steadily and will be full before the run is over."""

from __future__ import annotations

from typing import Final

from guardrun.signals.context import Context
from guardrun.signals.growth import Growth, Horizon, Outlook
from guardrun.signals.machine import TREE_RSS, memories, place
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.words import bytes_words, seconds_words

FIRST_EPOCH_LEVEL: Final = 0.75
RSS_SHARE: Final = 0.5
"""So much of the host's growth must be the training's own."""
FORETOLD: Final = 4.0
"""Where the run's length is not known: times as long as it was watched."""


class MemoryGrowth:
    """Memory grows steadily and will be full before the run is over.

    Definition: the lowest use in stretches of equal time rises in every quarter of the course since the first
    step (or of its newer half) with a Mann-Kendall z above 3, has taken a tenth of what was left, and at the
    newest quarter's pace is full before the run's end (within four times as long as it was watched where the
    length is not known). Growth that shrinks from quarter to quarter is carried on as a geometric series and
    must reach the limit as such; a newest quarter of less than half the pace of those before is flattening.
    On the host the processes of the training must grow with it. In the first of several epochs, when caches
    fill, three quarters of the memory must be in use already.

    Defaults: as above; warns and never stops a run.

    Source: Amazon SageMaker's GPUMemoryIncrease (+10 % over a window) fires on legitimate growth to a plateau
    (+13.6 % in a healthy published run); hence the demand that it lasts and would not end by itself.

    Wrong when: a cache larger than an epoch is filled, or the run ends earlier than it told.
    """

    about = About(
        id="memory_growth", family="resources", kinds=frozenset(("system", "phase")), clear_after=3,
        graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._context = context
        self.reset()

    def reset(self) -> None:
        self._courses: dict[str, Growth] = {}
        self._rss = Growth()
        self._horizon = Horizon(self._context)
        self._began = 0.0
        self._finding: Finding | None = None

    def update(self, point: Point) -> bool:
        if point.kind == "phase":
            self._horizon.take_phase(point)
            return False
        if not point.t > 0 or point.step <= 0:
            return False
        self._began = self._began or point.t
        left = self._horizon.seconds_left(point)
        rss = point.values.get(TREE_RSS)
        if rss is not None:
            self._rss.take(point.t, point.step, rss)
        looked = False
        found: Finding | None = None
        for name, used, total in memories(point.values):
            course = self._courses.setdefault(name, Growth())
            if not course.take(point.t, point.step, used):
                continue
            looked = True
            found = found or self._judge(course.outlook(total), name, used / total, point, left)
        if looked:
            self._finding = found
        return looked

    def _judge(
        self, outlook: Outlook | None, name: str, share: float, point: Point, left: float | None
    ) -> Finding | None:
        if outlook is None or (self._horizon.in_first_epoch and share < FIRST_EPOCH_LEVEL):
            return None
        if outlook.seconds_left > (FORETOLD * (point.t - self._began) if left is None else left):
            return None
        if name == "host":
            # What the training could have at most is what it has and what is left.
            own = self._rss.outlook(self._rss_limit(point, outlook))
            if own is None or own.per_hour < RSS_SHARE * outlook.per_hour:
                return None
        evidence = {
            "memory": name, "value": outlook.level, "threshold": outlook.limit, "z": round(outlook.z, 2),
            "bytes_per_hour": outlook.per_hour, "grown_bytes": outlook.grown,
            "window": round(point.t - outlook.began, 1), "seconds_left": round(outlook.seconds_left, 1),
            "run_seconds_left": None if left is None else round(left, 1),
        }  # fmt: skip
        until = "" if left is None else f", and the run needs {seconds_words(left)} more"
        cause = (
            "Look for a list that keeps tensors or samples of every step (detach what you keep), and for "
            "loader workers that copy the data set."
            if name == "host"
            else "Look for tensors kept with their graph (loss.item() or detach() for what you sum up)."
        )
        return Finding(
            "warn", outlook.first_step,
            f"Memory of {place(name)} grows by {bytes_words(outlook.per_hour)} an hour and will be full in "
            f"{seconds_words(outlook.seconds_left)}{until}.",
            evidence, cause + " Save often; a resume starts with empty memory.",
            "growth that flattens or stops",
        )  # fmt: skip

    def _rss_limit(self, point: Point, outlook: Outlook) -> float:
        return point.values.get(TREE_RSS, 0.0) + outlook.limit - outlook.level

    def finding(self) -> Finding | None:
        return self._finding
