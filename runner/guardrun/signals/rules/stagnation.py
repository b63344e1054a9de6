"""Validation has gained almost nothing for a long part of the run."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any, Final

from guardrun.signals.bests import direction
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.course import Course
from guardrun.signals.levels import Level, Levels
from guardrun.signals.model import About, Finding, Point, Severity
from guardrun.signals.rates import learning_rate
from guardrun.signals.rules.points import number
from guardrun.signals.train_level import TrainLevel

GAIN: Final = 0.01
"""Of the best, and of all that was gained: less is none."""
NOISE_SIGMAS: Final = 4.0
"""A best that is better by less than this may be a lucky one; of a median of five half of it counts."""
FLAT: Final = 0.2
"""Of the run without a gain: told."""
LONG_FLAT: Final = 0.3
"""Of the run without a gain: warned of, when it began early."""
EARLY: Final = 0.25
"""Of the run: a plateau that begins later is where learning ends."""
FEWEST: Final = 8
"""Values of the series without a gain."""
FLAT_OF_UNKNOWN: Final = 20
"""The same where the length of the run is not known, and at least two fifths of all values."""
FLAT_SHARE_OF_UNKNOWN: Final = 0.4
LONG_OF_UNKNOWN: Final = 40
LONG_SHARE_OF_UNKNOWN: Final = 0.8
LATE: Final = 0.7
"""Of the run: a plateau that is there by now is called converged."""
DECAYED: Final = 0.99
"""Of the learning rate at the last gain: a decay is on its way, and may yet bring a gain."""
WORSE: Final = 0.1
"""Of the best: a level further above it is no plateau, but worse."""
_MOST_METRICS: Final = 32


class _Ratchet:
    """The last clear gain of a series of which less is better."""

    __slots__ = ("_start", "anchor", "at", "share")

    def __init__(self, value: float, at: int, share: float | None) -> None:
        self._start = self.anchor = value
        self.at = at
        self.share = share

    def take(self, value: float, at: int, share: float | None) -> None:
        if self.gains(value):
            self.anchor, self.at, self.share = value, at, share

    def gains(self, value: float) -> bool:
        """Whether this value would be a clear gain."""
        return self.anchor - value > self.least()

    def least(self) -> float:
        """A gain of more than this is clear."""
        return GAIN * min(abs(self.anchor), self._start - self.anchor)


class Stagnation:
    """Validation has gained almost nothing for a long part of the run.

    Definition: for a fifth of the run and eight evaluations neither the validation loss nor its median of
    five nor any other declared metric has gained more than 1 % of its best and of all it had gained before
    (and four times its noise). This is told; it warns when three tenths of the run have gone by like that,
    the plateau began in the first quarter of the run, the training loss gains nothing either and the learning
    rate has not decayed since. Where the length of the run is not known: twenty evaluations that are two
    fifths of all, and forty that are four fifths. Without evaluations medians of 50 training losses count
    instead. Where the level is more than 10 % worse than the best it is no plateau, and other rules speak.

    Defaults: 1 % over a fifth of the run; warns and never stops a run.

    Source: plateaus break late. Of published runs that were flat for 20 % of their length 6 to 8 % later
    gained 5 % or more, after 30 % still 4.5 to 6 %, after half 3 to 4 %. On 2,025
    published curves this warns 49 times; 8 of them later improved by 1 % or more, 4 of those by 5 %.

    Wrong when: the learning rate is about to decay, or the problem is one that is learnt in leaps.
    """

    about = About(id="stagnation", family="health", kinds=frozenset(("metrics", "eval")), clear_after=1)

    def __init__(self, context: Context) -> None:
        self._context = context
        self.reset()

    def reset(self) -> None:
        self._levels = Levels(self._context)
        self._train = TrainLevel()
        self._lr: float | None = None
        self._begin(measured=False)

    def _begin(self, *, measured: bool) -> None:
        self._measured = measured
        self._course = Course(trend=False)
        self._share: float | None = None
        self._raw: _Ratchet | None = None
        self._smooth: _Ratchet | None = None
        self._trained: _Ratchet | None = None
        self._metrics: dict[str, tuple[float, _Ratchet]] = {}
        self._last_gain = 0
        """Place in the series of the newest clear gain of validation."""
        self._gain_share: float | None = None
        self._gain_step = 0
        self._lr_then: float | None = None

    def update(self, point: Point) -> bool:
        self._lr = learning_rate(point.values) or self._lr
        self._train.take(point)
        level = self._levels.take(point)
        if self._levels.measured and not self._measured:
            self._begin(measured=True)
        if level is None:
            return False
        self._take_level(level, point if point.kind == "eval" else None)
        return True

    def _take_level(self, level: Level, evaluation: Point | None) -> None:
        course = self._course
        course.take(level.value)
        at, share = course.count, level.share
        self._share = share
        if self._raw is None or self._smooth is None:
            self._raw = _Ratchet(level.value, at, share)
            self._smooth = _Ratchet(level.value, at, share)
        if self._raw.gains(level.value) or self._smooth.gains(course.level):
            noise = course.noise()
            if self._raw.anchor - level.value > NOISE_SIGMAS * noise:
                self._raw.take(level.value, at, share)
            if self._smooth.anchor - course.level > NOISE_SIGMAS / 2 * noise:
                self._smooth.take(course.level, at, share)
        newest = max(self._raw.at, self._smooth.at)
        if evaluation is not None:
            newest = max(newest, self._take_others(evaluation, at, share))
        if newest == at:
            self._last_gain, self._gain_share, self._gain_step = at, share, level.step
            self._lr_then = self._lr

    def _take_others(self, point: Point, at: int, share: float | None) -> int:
        """The other metrics and the training loss; the place of their newest clear gain of validation."""
        newest = 0
        for name, value in point.values.items():
            if not name.startswith("val/") or name == self._levels.name or not math.isfinite(value):
                continue
            known = self._metrics.get(name)
            if known is None:
                mode = direction(name)
                if mode is None or len(self._metrics) >= _MOST_METRICS:
                    continue
                sign = -1.0 if mode == "max" else 1.0
                known = self._metrics[name] = (sign, _Ratchet(sign * value, at, share))
            known[1].take(known[0] * value, at, share)
            newest = max(newest, known[1].at)
        trained = self._train.level
        if trained is not None:
            if self._trained is None:
                self._trained = _Ratchet(trained, at, share)
            self._trained.take(trained, at, share)
        return newest

    def skim(self, block: Block) -> bool:
        levels, left = self._levels.peek(block)
        if levels and not self._take_levels(block, levels):
            return False
        if not self._measured:
            self._levels.keep(left)
        self._train.skim(block)
        self._lr = block.last_rate() or self._lr
        return True

    def _take_levels(self, block: Block, levels: list[tuple[int, Level]]) -> bool:
        """Take levels of training losses if none of them can be part of a finding; else change nothing."""
        rates = block.columns.get("lr")
        if block.last_rate() is not None and (rates is None or not (rates > 0).all()):
            return False
        if any(name.startswith("lr/") for name in block.columns):
            return False
        before = self._course, self._raw, self._smooth
        kept = self._last_gain, self._gain_share, self._gain_step, self._lr_then, self._share, self._lr
        self._course, self._raw, self._smooth = deepcopy(before)
        for row, level in levels:
            if rates is not None:
                self._lr = float(rates[row])
            self._take_level(level, None)
            if self.finding() is not None:
                self._course, self._raw, self._smooth = before
                self._last_gain, self._gain_share, self._gain_step, self._lr_then, self._share, self._lr = (
                    kept
                )
                return False
        return True

    def finding(self) -> Finding | None:
        flat = self._course.count - self._last_gain
        if flat < FEWEST or self._raw is None:
            return None
        best = self._course.best
        if not self._course.level - best <= WORSE * abs(best):
            return None
        severity = self._severity(flat)
        return None if severity is None else self._report(severity, flat, self._raw)

    def _severity(self, flat: int) -> Severity | None:
        if self._share is None or self._gain_share is None:
            count = self._course.count
            if flat < max(FLAT_OF_UNKNOWN, FLAT_SHARE_OF_UNKNOWN * count):
                return None
            long = flat >= max(LONG_OF_UNKNOWN, LONG_SHARE_OF_UNKNOWN * count)
        else:
            gone = self._share - self._gain_share
            if gone < FLAT:
                return None
            long = gone >= LONG_FLAT and self._gain_share <= EARLY
        still_trains = self._trained is not None and self._trained.at > self._last_gain
        decays = bool(self._lr and self._lr_then and self._lr < DECAYED * self._lr_then)
        return "warn" if long and not still_trains and not decays else "info"

    def _report(self, severity: Severity, flat: int, raw: _Ratchet) -> Finding:
        sign, name, best = self._levels.sign, self._levels.name, self._course.best
        gone = None
        if self._share is not None and self._gain_share is not None:
            gone = round(self._share - self._gain_share, 3)
        evidence: dict[str, Any] = {
            "metric": name,
            "value": max(0.0, raw.anchor - best),
            "threshold": raw.least(),
            "window": flat,
            "noise": self._course.noise(),
            "best": sign * best,
            "level": sign * self._course.level,
            "flat_share": gone,
            "share": None if self._share is None else round(self._share, 3),
            "train": self._train.level,
            "lr": self._lr,
        }
        part = f"{flat} values" if gone is None else f"{gone:.0%} of the run"
        message = (
            f"{name} has gained less than {GAIN:.0%} for {part}: since step {self._gain_step} it is at "
            f"{number(sign * self._course.level)} (best {number(sign * best)})"
        )
        if severity == "warn":
            advice = (
                "Of 100 such runs 5 to 8 still gain 5 % or more. Let the learning rate decay now, or end the "
                "run and test an idea: a larger or smaller rate, other data, another architecture."
            )
        elif self._share is not None and self._share >= LATE:
            message += "; it looks converged"
            advice = (
                "Nothing to do; a lower learning rate or the end of the run would show whether it is done."
            )
        else:
            advice = "Watching: plateaus break, and most do when the learning rate decays."
        limit = sign * (raw.anchor - max(raw.least(), NOISE_SIGMAS * self._course.noise()))
        change = f"{name} {'below' if sign > 0 else 'above'} {number(limit)}"
        return Finding(severity, self._gain_step, f"{message}.", evidence, advice, change)
