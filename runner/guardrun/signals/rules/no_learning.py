"""Nothing has been learnt: validation is where it began, or where guessing would be."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final, NamedTuple

from guardrun.series.robust import median, scaled_mad
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.course import RECENT, SMOOTHING, Course, MetricCourses, clearly_gained, gained
from guardrun.signals.levels import Level, Levels
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rates import learning_rate
from guardrun.signals.rules.points import number
from guardrun.signals.train_level import TrainLevel

SHARE: Final = 0.3
"""Of the run: a late bloomer may need longer, so this is advice."""
FEWEST: Final = 6
"""Values of the series."""
FEWEST_OF_UNKNOWN: Final = 15
"""Evaluations, where the length of the run is not known."""
FEWEST_TRAIN: Final = 40
"""Medians of 50 training losses, where there are no evaluations and the length of the run is not known."""
GAIN: Final = 0.01
"""Of the value at the start."""
NOISY_GAIN: Final = 0.03
"""The same where it is less than ``NOISE_SIGMAS`` of the series' noise."""
NOISE_SIGMAS: Final = 5.0
NOISY: Final = 0.1
TRENDING_GAIN: Final = 0.002
"""A gain of more than this is believed when the trend is clear."""
TREND_Z: Final = -3.0
METRIC_GAIN: Final = 0.02
"""Of what a metric between 0 and 1 had left to gain at the start."""
TRAIN_GAIN: Final = 0.05
CHANCE: Final = 0.02
"""How near a loss is to that of guessing."""
BELOW_CHANCE: Final = 0.002
CHANCE_ACCURACY: Final = 0.55
"""Above this an accuracy is no guessing, whatever the number of classes."""
MOST_CLASSES: Final = 1e6
STILL: Final = 0.0005
"""An accuracy that moves less than this in ten evaluations is that of one answer to everything."""
RISING: Final = 1.01
PATIENT: Final = 2
"""Times as long for a loss above ln 2 that still falls."""
_LN2: Final = math.log(2)
_BASE_RATE: Final = "One in five such runs still improved later."


class _Verdict(NamedTuple):
    reason: str
    value: float
    threshold: float
    evidence: dict[str, Any]


class NoLearning:
    """Nothing has been learnt by the time at which something should have been.

    Definition: at 30 % of the run and after six evaluations (fifteen where its length is not known) the
    validation loss, smoothed by medians of five, has gained less than 1 % of where it began (0.2 % when its
    trend is clear, 3 % when that is within five times its noise), no other declared metric has gained 2 %
    of what it had left and three times its noise, and the training loss has gained less than 5 % or than
    its noise. Or the run guesses: its accuracy has gained nothing and its loss is that of guessing (ln K
    beside an accuracy of 1/K), or it never was below ln 2 and stays within 1 % of it (twice as long while
    it still falls). Or its accuracy, of 55 % or less, is no better than at first, or the same to the last
    digit for ten evaluations. Without evaluations medians of 50 training losses count instead, unless they
    are noise around zero. It waits while the learning rate rises.

    Defaults: 30 %, 1 %; warns and never stops a run.

    Source: a gain below 1 % at 30 % of the run was followed by one of 1 % or more in 5 % of the 1,080
    published DeepOBS runs that had it, and in most of the few tuned AlgoPerf runs: some bloom late (a
    character model after 56 of its 200 epochs, a VAE after 75 of 100). On 2,025 published curves this warns
    55 times; 12 of them later improved by 1 % or more. So it advises.

    Wrong when: the model was trained before and the first evaluation shows it as good as it gets, or the
    problem is one whose loss stays flat for long before it breaks.
    """

    about = About(id="no_learning", family="health", kinds=frozenset(("metrics", "eval")), clear_after=2)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._levels = Levels(context)
        self._course = Course()
        self._resumed = False
        self._began_here = True
        """Whether the course began where the run did; else nobody knows what an untrained model does."""
        self._measured = False
        self._first_step = 0
        self._share: float | None = None
        self._train = TrainLevel()
        self._train_levels: deque[float] = deque(maxlen=SMOOTHING)
        self._metrics = MetricCourses()
        self._lr: float | None = None
        self._lr_before: float | None = None
        self._warming_up = False
        self._learnt = 0
        """Values since it has learnt something. After as many as clear the signal what comes is the business
        of other rules."""

    def reset(self) -> None:
        # Nothing is forgotten: a resumed run goes on at a trained level, which is no beginning.
        self._resumed = True
        if not self._course.count:
            self._began_here = False

    def update(self, point: Point) -> bool:
        if self._over and (self._measured or point.kind != "eval"):
            return False
        self._lr = learning_rate(point.values) or self._lr
        self._train.take(point)
        level = self._levels.take(point)
        if point.kind == "eval":
            self._metrics.take(point, self._levels.name)
            if self._levels.measured and not self._measured:
                self._measured, self._learnt = True, 0
                self._course = Course()
                self._began_here = not self._resumed
            if self._train.level is not None:
                self._train_levels.append(self._train.level)
        if level is None:
            return False
        self._take_level(level)
        return True

    def _take_level(self, level: Level) -> None:
        if not self._course.count:
            self._first_step = level.step
        self._course.take(level.value)
        self._share = level.share
        self._warming_up = bool(self._lr and self._lr_before and self._lr > RISING * self._lr_before)
        self._lr_before = self._lr
        if self._learnt or (self._course.count >= FEWEST and self._has_learnt()):
            self._learnt += 1

    @property
    def _over(self) -> bool:
        return self._learnt >= self.about.clear_after

    def _has_gained(self) -> bool:
        """By 1 %, or by more than its noise up to 3 %."""
        return self._gained(GAIN) and (
            self._gained(NOISY_GAIN) or self._course.gain > NOISE_SIGMAS * self._course.noise()
        )

    def _gained(self, share: float) -> bool:
        """Only a metric of which more is better may be a share of a whole; a loss below zero is none."""
        if self._levels.sign < 0:
            return gained(self._course, share)
        return self._course.gain > share * abs(self._course.start)

    def _has_learnt(self) -> bool:
        if not self._has_gained():
            return False
        if self._metrics.accuracy is not None:
            course = self._metrics[self._metrics.accuracy]
            return clearly_gained(course, METRIC_GAIN, _whole(course))
        never_better = self._course.best >= (1 - BELOW_CHANCE) * _LN2
        return bool(self._metrics) or not self._measured or self._levels.sign < 0 or not never_better

    def skim(self, block: Block) -> bool:
        if self._over:
            return True
        levels, left = self._levels.peek(block)
        if levels:
            return False
        if not self._measured:
            self._levels.keep(left)
        self._train.skim(block)
        self._lr = block.last_rate() or self._lr
        return True

    def finding(self) -> Finding | None:
        if self._learnt or not self._due() or self._warming_up:
            return None
        verdict = self._guessing()
        if self._began_here:
            verdict = verdict or self._still() or self._not_gained()
        return None if verdict is None else self._report(verdict)

    def _due(self) -> bool:
        count = self._course.count
        if self._share is None:
            return count >= (FEWEST_OF_UNKNOWN if self._measured else FEWEST_TRAIN)
        return count >= FEWEST and self._share >= SHARE

    def _long_due(self) -> bool:
        """Whether a run that still becomes better has had its time, too."""
        if self._share is None:
            return self._course.count >= PATIENT * FEWEST_OF_UNKNOWN
        return self._share >= SHARE * PATIENT

    def _guessing(self) -> _Verdict | None:
        """A loss of ln K beside an accuracy of 1/K that has gained nothing; or one that never beat ln 2."""
        if not self._measured or self._levels.sign < 0:
            return None
        course, accuracy = self._course, self._chance_accuracy()
        if accuracy is not None:
            chance = math.log(max(2, round(1 / accuracy)))
            if abs(course.level - chance) <= CHANCE * chance:
                return self._as_guessing(chance, {"accuracy": accuracy, "chance": accuracy})
            return None
        if self._metrics or course.best < (1 - BELOW_CHANCE) * _LN2 or self._train_gained():
            return None
        quarter = sorted(course.recent)[len(course.recent) // 4]
        if quarter > (1 + CHANCE / 2) * _LN2 or (course.trend_z <= TREND_Z and not self._long_due()):
            return None
        return self._as_guessing(_LN2, {"chance": 0.5})

    def _as_guessing(self, chance: float, evidence: dict[str, Any]) -> _Verdict:
        name, level = self._levels.name, self._course.level
        classes = round(1 / evidence["chance"])
        reason = f"{name} stays at {number(level)}: guessing among {classes} classes gives {number(chance)}"
        if "accuracy" in evidence:
            reason += f", and {self._metrics.accuracy} at {number(evidence['accuracy'])} is no better either"
        return _Verdict(reason, level, chance, evidence)

    def _chance_accuracy(self) -> float | None:
        """The accuracy, as a share, when it has gained nothing and may be that of guessing."""
        if self._metrics.accuracy is None:
            return None
        course = self._metrics[self._metrics.accuracy]
        whole = _whole(course)
        level = -course.level / whole
        if not 1 / MOST_CLASSES <= level <= CHANCE_ACCURACY or clearly_gained(course, METRIC_GAIN, whole):
            return None
        return level

    def _still(self) -> _Verdict | None:
        """An accuracy that is no better than at first, or that of one answer to everything."""
        if self._metrics.accuracy is None or self._chance_accuracy() is None:
            return None
        course = self._metrics[self._metrics.accuracy]
        whole = _whole(course)
        spread = (max(course.recent) - min(course.recent)) / whole
        constant = len(course.recent) == RECENT and spread <= STILL
        if not constant and gained(course, TRENDING_GAIN, whole):
            return None
        level, began = -course.level, -course.start
        reason = f"{self._metrics.accuracy} began at {number(began)} and is {number(level)}"
        if constant:
            reason += ": the model gives one answer to everything"
        return _Verdict(reason, level, began, {"accuracy": level, "spread": spread})

    def _not_gained(self) -> _Verdict | None:
        course = self._course
        if self._has_gained() or self._train_gained():
            return None
        if not self._measured and course.noise() > NOISY * abs(course.start):
            return None  # losses around zero, as those of policy gradients, need not fall
        if course.gain > TRENDING_GAIN * abs(course.start) and course.trend_z <= TREND_Z:
            return None
        if self._metrics.gained(METRIC_GAIN):
            return None
        sign, name = self._levels.sign, self._levels.name
        began, level = sign * course.start, sign * course.level
        reason = f"{name} began at {number(began)} and is {number(level)} after {course.count} values"
        return _Verdict(reason, course.gain, GAIN * abs(course.start), {"began": began, "level": level})

    def _train_gained(self) -> bool:
        began = self._train.began
        if not self._measured or began is None or not self._train_levels:
            return False
        noise = scaled_mad(self._train.first)
        return began - median(self._train_levels) > max(TRAIN_GAIN * abs(began), noise)

    def _report(self, verdict: _Verdict) -> Finding:
        sign, course = self._levels.sign, self._course
        evidence: dict[str, Any] = {
            "metric": self._levels.name,
            "value": verdict.value,
            "threshold": verdict.threshold,
            "window": course.count,
            "noise": course.noise(),
            "gain": course.gain,
            "share": None if self._share is None else round(self._share, 3),
            "train": self._train.level,
            "lr": self._lr,
            **verdict.evidence,
        }
        over = "" if self._share is None else f" at {min(self._share, 1.0):.0%} of the run"
        message = f"Nothing is learnt{over}: {verdict.reason}."
        advice = (
            "End it, or let it go on as a test: check the labels and the input's scale, overfit one batch, "
            f"then try {self._rates()}, another initialisation or a smaller batch. {_BASE_RATE}"
        )
        limit = sign * (course.start - GAIN * abs(course.start))
        change = f"{self._levels.name} {'below' if sign > 0 else 'above'} {number(limit)}"
        return Finding("warn", self._first_step, message, evidence, advice, change)

    def _rates(self) -> str:
        if self._lr is None or not 0 < self._lr < math.inf:
            return "a learning rate ten times smaller and ten times larger"
        return f"learning rates of {self._lr / 10:.2g} and {self._lr * 10:.2g} (it is {self._lr:.2g})"


def _whole(accuracy: Course) -> float:
    """Whether an accuracy is a share or in percent."""
    return 100.0 if -accuracy.best > 1 else 1.0
