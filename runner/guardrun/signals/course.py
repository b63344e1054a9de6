"""What series have gained since they began, without being fooled by one lucky value."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from guardrun.series.robust import NORMAL_MAD, mann_kendall_z, median
from guardrun.signals.bests import direction
from guardrun.signals.drift import Drift
from guardrun.signals.model import Point

MOST_METRICS: Final = 32
RECENT: Final = 10
CHANGES: Final = 30
SMOOTHING: Final = 5
GAIN_SIGMAS: Final = 3.0


class Course:
    """Feeds on finite values of which less is better. Constant work and memory."""

    __slots__ = ("_changes", "_last", "_trend", "best", "count", "level", "recent", "smooth_best", "start")

    def __init__(self, *, trend: bool = True) -> None:
        self.count = 0
        self.start = 0.0
        """The first value."""
        self.best = math.inf
        self.level = math.inf
        """Median of the last five."""
        self.smooth_best = math.inf
        """The lowest such median (of the first value, the first two … at the beginning)."""
        self.recent: deque[float] = deque(maxlen=RECENT)
        self._last: deque[float] = deque(maxlen=SMOOTHING)
        self._changes: deque[float] = deque(maxlen=CHANGES)
        self._trend = Drift() if trend else None

    def take(self, value: float) -> None:
        """One more value."""
        self.count += 1
        if self.recent:
            self._changes.append(value - self.recent[-1])
        self.recent.append(value)
        self._last.append(value)
        if self.count == 1:
            self.start = value
        self.best = min(self.best, value)
        self.level = median(self._last)
        self.smooth_best = min(self.smooth_best, self.level)
        if self._trend is not None:
            self._trend.take(value)

    @property
    def gain(self) -> float:
        """From the start to the lowest smoothed level."""
        return max(0.0, self.start - self.smooth_best) if self.count else 0.0

    @property
    def trend_z(self) -> float:
        """Mann-Kendall score of all values; negative: they become better. 0 where it is not kept."""
        if self._trend is None:
            return 0.0
        return mann_kendall_z(self._trend.sign_sum, self._trend.sampled)

    def noise(self) -> float:
        """Robust standard deviation of one value, from its changes, so that a trend is no noise."""
        if len(self._changes) < 3:
            return 0.0
        centre = median(self._changes)
        return NORMAL_MAD * median([abs(change - centre) for change in self._changes]) / math.sqrt(2)


class MetricCourses:
    """The courses of the other declared metrics of the validation; those of unknown direction are ignored."""

    __slots__ = ("_courses", "accuracy")

    def __init__(self) -> None:
        self._courses: dict[str, tuple[float, Course]] = {}
        """Name -> sign that makes less better, and what became of it."""
        self.accuracy: str | None = None
        """The first that is called one."""

    def __len__(self) -> int:
        return len(self._courses)

    def __getitem__(self, name: str) -> Course:
        return self._courses[name][1]

    def take(self, point: Point, watched: str) -> None:
        """The metrics of an evaluation but the one that is watched."""
        for name, value in point.values.items():
            if name == watched or not name.startswith("val/") or not math.isfinite(value):
                continue
            known = self._courses.get(name)
            if known is None:
                mode = direction(name)
                if mode is None or len(self._courses) >= MOST_METRICS:
                    continue
                known = self._courses[name] = (-1.0 if mode == "max" else 1.0, Course(trend=False))
                if self.accuracy is None and "acc" in name.lower():
                    self.accuracy = name
            known[1].take(known[0] * value)

    def gained(self, share: float) -> bool:
        """Whether any has gained that share of what it had left."""
        return any(clearly_gained(course, share) for _, course in self._courses.values())


def clearly_gained(course: Course, share: float, whole: float = 1.0) -> bool:
    """The same, and by more than the noise of a value: an accuracy over few examples moves by itself."""
    return gained(course, share, whole) and course.gain > GAIN_SIGMAS * course.noise()


def gained(course: Course, share: float, whole: float = 1.0) -> bool:
    """Whether a series has gained that share: of its start, or of what was left up to ``whole``."""
    start = course.start
    if -whole <= start <= 0 and -course.best <= whole:
        return course.gain > share * (whole + start)
    return course.gain > share * abs(start)
