"""Memory grows steadily and will be full before the run is over."""

from __future__ import annotations

from typing import Final

from guardrun.signals.context import Context
from guardrun.signals.growth import Growth, Horizon, Outlook
from guardrun.signals.machine import TREE_RSS, memories, place
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.words import bytes_words, seconds_words

FIRST_EPOCH_LEVEL: Final = 0.75
STILL: Final = 0.002
"""By this share of the memory its base must rise within 16 looks for growth to go on, once it was seen."""
RSS_SHARE: Final = 0.5
"""So much of the host's growth must be the training's own."""


class MemoryGrowth:
    """Memory grows steadily and will be full before the run is over.

    Definition: the lowest use in stretches of equal time rises in every quarter of the course since the first
    step with a Mann-Kendall z above 3, in none of them by more than 60 % of all, has taken a third of what
    was left, and at its newest pace fills the memory before the run's end, where that is known. The newer
    half of the course is enough where it grows no slower than the older. Growth that shrinks from quarter to
    quarter is carried on as a geometric series and must reach the limit as such; a newest quarter of less
    than half the pace of those before is flattening.
    On the host the processes of the training must grow with it. In the first of several epochs, when caches
    fill, three quarters of the memory must be in use already.

    Defaults: as above; warns and never stops a run.

    Source: Amazon SageMaker's GPUMemoryIncrease (+10 % over a window) fires on legitimate growth to a plateau
    (+13.6 % in a healthy published run); hence the demand that it lasts and would not end by itself.

    Wrong when: a cache larger than an epoch is filled, or the run ends earlier than it told.
    """

    about = About(
        id="memory_growth", family="resources", kinds=frozenset(("system", "phase")), clear_after=16,
        graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._context = context
        self.reset()

    def reset(self) -> None:
        self._courses: dict[str, Growth] = {}
        self._rss = Growth()
        self._horizon = Horizon(self._context)
        self._finding: Finding | None = None
        """The newest, while ``_held`` grows."""
        self._grows = False
        self._held = ""
        self._base = 0.0

    def update(self, point: Point) -> bool:
        if point.kind == "phase":
            self._horizon.take_phase(point)
            return False
        if not point.t > 0 or point.step <= 0:
            return False
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
            mine = self._judge(course.outlook(total), name, used / total, point, left)
            if mine is None and self._held == name and course.base > self._base + STILL * total:
                mine = self._finding
            if mine is not None and found is None:
                found, self._held, self._base = mine, name, course.base
        if looked:
            self._finding = found or self._finding
            self._grows = found is not None
        return looked

    def _judge(
        self, outlook: Outlook | None, name: str, share: float, point: Point, left: float | None
    ) -> Finding | None:
        if outlook is None or (self._horizon.in_first_epoch and share < FIRST_EPOCH_LEVEL):
            return None
        if left is not None and outlook.seconds_left > left:
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
        return self._finding if self._grows else None
