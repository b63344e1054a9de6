"""Whether two runs logged the same numbers, value by value, and where they first part (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from guardrun.series.store import FloatArray, Series

Curves = Mapping[str, tuple[FloatArray, FloatArray]]
"""Name -> (steps, values), in the order in which they were logged."""

_OF_THE_MACHINE: Final = re.compile(
    r"^(?:gpu|cpu|system|memory|disk|tree)\d*/|"
    r"(?:^|[/_])(?:time|seconds|secs|elapsed|duration|throughput|eta|fps|ips|runtime|memory)(?:[/_]|$)|"
    r"_per_(?:s|sec|second)$|(?:^|[a-z]_)(?:ms|s|bytes)$",
    re.IGNORECASE,
)


def of_the_machine(name: str) -> bool:
    """Whether a curve tells of time, speed or memory: no two runs have these alike.

    >>> [of_the_machine(name) for name in ("step_time", "samples_per_s", "gpu0/utilization", "lr")]
    [True, True, True, False]
    """
    return bool(_OF_THE_MACHINE.search(name))


@dataclass(frozen=True, slots=True)
class Difference:
    """The first value, by step, that is not the same."""

    name: str
    step: float
    was: float | None
    """None: only the second run has it."""
    now: float | None
    """None: only the first run has it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Two runs side by side."""

    compared: int
    """Values of the first run that were looked at."""
    differing: int
    curves: int
    differing_curves: tuple[str, ...]
    first: Difference | None

    @property
    def equal(self) -> bool:
        return self.first is None and self.compared > 0


def final_course(series: Series) -> tuple[FloatArray, FloatArray]:
    """Steps and values of a curve; of steps that a resumed attempt repeated only the repetition."""
    keep = np.ones(len(series), bool)
    for attempt in np.unique(series.attempt)[1:]:
        begins = series.step[series.attempt == attempt].min()
        keep &= ~((series.attempt < attempt) & (series.step >= begins))
    return series.step[keep], series.value[keep]


def compare_curves(was: Curves, now: Curves, tolerance: float = 0.0) -> Verdict:
    """Step by step and value by value; NaN equals NaN. ``tolerance`` is relative to the larger of the two."""
    compared = differing = 0
    first: Difference | None = None
    apart: list[str] = []
    names = [*was, *(name for name in now if name not in was)]
    for name in names:
        mine = was.get(name, _NOTHING)
        found = list(_differences(name, mine, now.get(name, _NOTHING), tolerance))
        compared += len(mine[0])
        differing += len(found)
        if found:
            apart.append(name)
            if first is None or found[0].step < first.step:
                first = found[0]
    return Verdict(compared, differing, len(names), tuple(apart), first)


_NOTHING: Final = (np.empty(0), np.empty(0))


def _differences(
    name: str, was: tuple[FloatArray, FloatArray], now: tuple[FloatArray, FloatArray], tolerance: float
) -> Iterator[Difference]:
    """Both walked along by step; a step that only one has is a difference."""
    i = j = 0
    while i < len(was[0]) or j < len(now[0]):
        here = was[0][i] if i < len(was[0]) else math.inf
        there = now[0][j] if j < len(now[0]) else math.inf
        if here < there or j >= len(now[0]):
            yield Difference(name, float(here), float(was[1][i]), None)
            i += 1
        elif there < here or i >= len(was[0]):
            yield Difference(name, float(there), None, float(now[1][j]))
            j += 1
        else:
            a, b = float(was[1][i]), float(now[1][j])
            if not _same(a, b, tolerance):
                yield Difference(name, float(here), a, b)
            i, j = i + 1, j + 1


def _same(a: float, b: float, tolerance: float) -> bool:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    return tolerance > 0 and abs(a - b) <= tolerance * max(abs(a), abs(b))
