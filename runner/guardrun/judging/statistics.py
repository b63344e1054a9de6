"""Means, intervals and tests for a handful of repeated runs. Pure; scipy (the extra ``stats``) where needed.

Everything is two-sided. A value that cannot be computed from so few numbers is None, never a guess.
"""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from guardrun.errors import UserError

LEVEL: Final = 0.95
"""Of every interval."""
ALPHA: Final = 1 - LEVEL
_ROUNDING: Final = 1e-12
"""A spread this small against the values is rounding: the numbers count as equal."""
_SQUARE_IS_ZERO: Final = 1e-150
"""Squares of anything smaller underflow."""

TestName = Literal["paired t-test", "Welch's t-test"]
_TESTS: Final[Mapping[bool, TestName]] = {True: "paired t-test", False: "Welch's t-test"}


@dataclass(frozen=True, slots=True)
class Summary:
    """Several values of one thing."""

    n: int
    mean: float
    std: float | None
    """Sample standard deviation (n - 1); None for one value."""
    low: float | None
    """95 % interval of the mean by Student's t; None for one value."""
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of A minus the mean of B, and how sure that is."""

    test: TestName
    n: int
    """Pairs; without pairing the smaller of the two counts."""
    mean: float
    low: float | None
    """95 % interval; None when there are too few values, or all are equal."""
    high: float | None
    p: float | None
    effect: float | None
    """Hedges' g: the difference in standard deviations, corrected for few values."""
    constant: bool = False
    """No spread at all: the seeds make no difference, so there is nothing to test."""

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out zero."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0 or self.high < 0


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard deviation and interval. Raises ValueError without values or with one that is not finite.

    With two values or more it needs the extra ``stats``.
    """
    _check(values)
    n, mean = len(values), math.fsum(values) / len(values)
    if n < 2:
        return Summary(n, mean, None, None, None)
    std = statistics.stdev(values)
    half = _t_quantile(n - 1) * std / math.sqrt(n)
    return Summary(n, mean, std, mean - half, mean + half)


def paired_difference(a: Sequence[float], b: Sequence[float]) -> Difference:
    """A minus B, value by value (one pair a seed): the paired t-test.

    Raises ValueError when the lengths differ or a value is not finite.
    """
    _check(a)
    _check(b)
    differences = [one - other for one, other in zip(a, b, strict=True)]
    n, mean = len(differences), math.fsum(differences) / len(differences)
    if n < 2 or _without_spread(differences, [*a, *b]):
        return Difference(_TESTS[True], n, mean, None, None, None, None, constant=n > 1)
    with _nearly_equal_is_fine():
        found = scipy_stats().ttest_rel(a, b)
    interval = found.confidence_interval(LEVEL)
    effect = mean / statistics.stdev(differences) * small_sample_correction(n - 1)
    return Difference(
        _TESTS[True], n, mean, float(interval.low), float(interval.high), float(found.pvalue), effect
    )


def unpaired_difference(a: Sequence[float], b: Sequence[float]) -> Difference:
    """A minus B of independent runs: Welch's t-test, which takes unequal spreads and unequal counts.

    Raises ValueError without values or with one that is not finite.
    """
    _check(a)
    _check(b)
    n, mean = min(len(a), len(b)), math.fsum(a) / len(a) - math.fsum(b) / len(b)
    everything = [*a, *b]
    if n < 2 or (_without_spread(a, everything) and _without_spread(b, everything)):
        return Difference(_TESTS[False], n, mean, None, None, None, None, constant=n > 1)
    with _nearly_equal_is_fine():
        found = scipy_stats().ttest_ind(a, b, equal_var=False)
    interval = found.confidence_interval(LEVEL)
    effect = mean / _pooled_std(a, b) * small_sample_correction(len(a) + len(b) - 2)
    return Difference(
        _TESTS[False], n, mean, float(interval.low), float(interval.high), float(found.pvalue), effect
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for being many (Holm 1979): each as if it were the only one, at the same level.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return corrected


def small_sample_correction(freedom: int) -> float:
    """Hedges' J, by the gamma function: a standardised difference of few values is too large on average."""
    if freedom < 2:
        return 1.0
    log = math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)
    return math.exp(log) / math.sqrt(freedom / 2)


def scipy_stats() -> Any:
    """``scipy.stats``. Raises UserError that names the extra where scipy is missing."""
    try:
        from scipy import stats
    except ImportError:
        raise UserError(
            "intervals and tests need scipy, which is not installed here",
            hint="pip install 'guardrun[stats]'",
        ) from None
    return stats


@contextmanager
def _nearly_equal_is_fine() -> Iterator[None]:
    """scipy warns of values that hardly differ; their wide interval says the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _t_quantile(freedom: int) -> float:
    return float(scipy_stats().t.ppf(1 - ALPHA / 2, freedom))


def _pooled_std(a: Sequence[float], b: Sequence[float]) -> float:
    squares = (len(a) - 1) * statistics.variance(a) + (len(b) - 1) * statistics.variance(b)
    return math.sqrt(squares / (len(a) + len(b) - 2))


def _without_spread(values: Sequence[float], scale: Sequence[float]) -> bool:
    largest = max(map(abs, scale))
    return max(values) - min(values) <= max(_ROUNDING * largest, _SQUARE_IS_ZERO)


def _check(values: Sequence[float]) -> None:
    if not values:
        raise ValueError("no values")
    if not all(map(math.isfinite, values)):
        raise ValueError("a value is not finite")
