"""How many tokens a run had seen at each of its points. Pure.

Three sources, the surest first:

- a count that the run itself logs (``tokens``, ``consumed_tokens`` …), where it never falls: a count of one
  batch is not one of all;
- ``tokens_per_s`` with ``step_time``: guard's own meter writes both of the same interval, so that their
  product times the steps in it is exactly what was fetched;
- ``tokens_per_s`` alone (logs of other tools): integrated over the time between two points.

A rate is that of the process that wrote it: of several ranks the count is rank 0's own share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from guardrun.series.store import Series

Floats = NDArray[np.float64]

COUNTS: Final = frozenset((
    "tokens", "tokens_seen", "n_tokens_seen", "num_tokens", "total_tokens", "consumed_tokens",
    "trained_tokens", "num_input_tokens_seen",
))  # fmt: skip
RATE: Final = "tokens_per_s"
_LARGEST: Final = 1e30
"""No rate and no duration is as large as this."""


class Counted(NamedTuple):
    """Tokens seen at the points of one series."""

    points: Series
    tokens: Floats

    def at(self, series: Series) -> Floats:
        """Tokens at the points of another series: between two known points on the line between them."""
        if np.array_equal(series.step, self.points.step):
            return self.tokens
        found = np.full(len(series), np.nan)
        for attempt in np.unique(series.attempt):
            mine, known = series.attempt == attempt, self.points.attempt == attempt
            if not known.any():
                known = np.ones(len(self.points), bool)
            order = np.argsort(self.points.step[known], kind="stable")
            step, tokens = self.points.step[known][order], self.tokens[known][order]
            found[mine] = np.interp(series.step[mine], np.append(0.0, step), np.append(0.0, tokens))
        return found


def has_tokens(series: Mapping[str, Series]) -> bool:
    """Whether the tokens can be counted; cheap."""
    return any(_last_part(name) in COUNTS or name == RATE for name in series)


def count_tokens(series: Mapping[str, Series]) -> Counted | None:
    """Tokens by the surest source that there is; None without any."""
    for name, each in series.items():
        if _last_part(name) in COUNTS and _is_running_count(each):
            return Counted(each, each.value)
    rate = series.get(RATE)
    if rate is None or not len(rate) or not np.isfinite(rate.step).all():
        return None
    times = series.get("step_time")
    exact = times is not None and len(times) == len(rate) and np.array_equal(times.step, rate.step)
    seconds = _step_seconds(rate, times.value) if exact and times is not None else _elapsed(rate)
    return Counted(rate, _summed(rate, seconds))


def _last_part(name: str) -> str:
    return name.rpartition("/")[2]


def _is_running_count(series: Series) -> bool:
    """Never falls within an attempt, and grows at all."""
    value = series.value
    if len(value) < 2 or not np.isfinite(value).all() or not np.isfinite(series.step).all():
        return False
    same = series.attempt[1:] == series.attempt[:-1]
    return bool((value[1:][same] >= value[:-1][same]).all() and value.max() > value.min() >= 0)


def _starts(series: Series) -> list[int]:
    """The first point of each attempt."""
    return [0, *(np.flatnonzero(series.attempt[1:] != series.attempt[:-1]) + 1).tolist()]


def _step_seconds(rate: Series, step_time: Floats) -> Floats:
    """Seconds of training behind each point: the mean time of a step times the steps since the last point."""
    steps = np.diff(rate.step, prepend=0.0)
    for start in _starts(rate)[1:]:
        before = rate.step[:start][rate.step[:start] < rate.step[start]]
        steps[start] = rate.step[start] - (before[-1] if before.size else 0.0)
    return np.maximum(steps, 0.0) * _filled(step_time)


def _elapsed(rate: Series) -> Floats:
    """Seconds since the point before; those of an attempt's first point are taken to be as usual."""
    seconds = np.maximum(np.diff(rate.t, prepend=rate.t[:1]), 0.0)
    starts = _starts(rate)
    inner = np.delete(seconds, starts)
    seconds[starts] = float(np.median(inner)) if inner.size else 0.0
    return seconds


def _filled(values: Floats) -> Floats:
    """What was not measured is taken to be as usual."""
    known = (values >= 0) & (values < _LARGEST)
    usual = float(np.median(values[known])) if known.any() else 0.0
    return np.where(known, values, usual)


def _summed(rate: Series, seconds: Floats) -> Floats:
    """The running sum; an attempt goes on from the count at the step that it restarted from."""
    tokens = np.cumsum(_filled(rate.value) * _filled(seconds))
    for start in _starts(rate)[1:]:
        before = np.flatnonzero(rate.step[:start] < rate.step[start])
        wanted = tokens[before[-1]] if before.size else 0.0
        tokens[start:] -= tokens[start - 1] - wanted
    return tokens
