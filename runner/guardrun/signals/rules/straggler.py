"""One rank is slower than the others, and they wait for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from guardrun.series.robust import median
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import DATA_TIME, STEP_TIME
from guardrun.signals.words import seconds_words

WINDOW: Final = 50
FEWEST: Final = 20
EVERY: Final = 10
"""Points of the other ranks between two looks."""
SLOWER: Final = 1.2
WAITS: Final = 0.2
"""Of the step time."""
LASTING_S: Final = 10.0
_LAST_T: Final = 1e12


@dataclass(slots=True)
class _Rank:
    """The newest points of one rank."""

    steps: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))
    times: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    step_times: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    waits: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def pace(self) -> float | None:
        """Seconds a step, evaluations and other pauses left out where step_time is logged."""
        if len(self.step_times) >= FEWEST:
            return median(list(self.step_times))
        steps = self.steps[-1] - self.steps[0] if len(self.steps) >= FEWEST else 0
        return (self.times[-1] - self.times[0]) / steps if steps > 0 else None


@dataclass(frozen=True, slots=True)
class _Slow:
    rank: int
    metric: str
    value: float
    others: float
    first_step: int


class Straggler:
    """One rank is slower than the others, and they wait for it.

    Definition: for 10 s or more, over the last 50 points of every rank (at least 20), the median
    ``data_time`` of one rank is above that of the median rank by a fifth of a step; or its own pace (the
    median ``step_time``, else the time between its steps) is 1.2 times that of the median rank. Ranks that
    exchange gradients wait for each other, so that their paces are equal and only the first tells.

    Defaults: a fifth of a step, 1.2 times; warns and never stops a run.

    Source: in synchronous training every step takes as long as its slowest rank.

    Wrong when: one rank has more to do by design, as rank 0 that writes images, or when a rank waits within
    its own computation, which no log of times can tell from the exchange.
    """

    about = About(
        id="straggler", family="performance", kinds=frozenset(("metrics",)), clear_after=3, graced=False,
        every_rank=True,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._first = _Rank()
        self._ranks: dict[int, _Rank] = {0: self._first}
        self._since_look = 0
        self._since: tuple[int, float] | None = None
        """The rank that is slower, and the time of its oldest point when that began to hold."""
        self._slow: _Slow | None = None

    def update(self, point: Point) -> bool:
        if point.rank == 0:
            if len(self._ranks) > 1:
                self._take(self._first, point)
            return False
        rank = self._ranks.get(point.rank)
        if rank is None:
            rank = self._ranks[point.rank] = _Rank()
        self._take(rank, point)
        self._since_look += 1
        if self._since_look < EVERY * (len(self._ranks) - 1):
            return False
        self._since_look = 0
        self._slow = self._lasting(self._look())
        return True

    def _take(self, rank: _Rank, point: Point) -> None:
        took = point.values.get(STEP_TIME)
        waited = point.values.get(DATA_TIME)
        if took is not None and 0 <= took < _LAST_T:
            rank.step_times.append(took)
        if waited is not None and 0 <= waited < _LAST_T:
            rank.waits.append(waited)
        if 0 < point.t < _LAST_T:
            rank.steps.append(point.step)
            rank.times.append(point.t)

    def skim(self, block: Block) -> bool:
        if len(self._ranks) == 1:
            return True
        rank = self._first
        for name, kept in ((STEP_TIME, rank.step_times), (DATA_TIME, rank.waits)):
            values = block.values(name)
            if len(values):
                kept.extend(values[(values >= 0) & (values < _LAST_T)][-WINDOW:].tolist())
        fine = (block.t > 0) & (block.t < _LAST_T)
        rank.steps.extend(block.step[fine][-WINDOW:].astype(int).tolist())
        rank.times.extend(block.t[fine][-WINDOW:].tolist())
        return True

    def _lasting(self, slow: _Slow | None) -> _Slow | None:
        times = self._ranks[slow.rank].times if slow is not None else None
        if slow is None or not times:
            self._since = None
            return None
        if self._since is None or self._since[0] != slow.rank:
            self._since = slow.rank, times[0]
        return slow if times[-1] - self._since[1] >= LASTING_S else None

    def _look(self) -> _Slow | None:
        paces = {number: pace for number, rank in self._ranks.items() if (pace := rank.pace()) is not None}
        if len(paces) < 2:
            return None
        usual = _usual(paces)
        slowest = max(paces, key=lambda number: paces[number])
        if usual > 0 and paces[slowest] > SLOWER * usual:
            return self._found(slowest, STEP_TIME, paces[slowest], usual)
        waits = {n: median(list(rank.waits)) for n, rank in self._ranks.items() if len(rank.waits) >= FEWEST}
        if len(waits) < 2:
            return None
        waiting = max(waits, key=lambda number: waits[number])
        others = _usual(waits)
        if usual > 0 and waits[waiting] - others > WAITS * usual:
            return self._found(waiting, DATA_TIME, waits[waiting], others)
        return None

    def _found(self, rank: int, metric: str, value: float, others: float) -> _Slow:
        steps = self._ranks[rank].steps
        return _Slow(rank, metric, value, others, steps[0] if steps else 0)

    def finding(self) -> Finding | None:
        slow = self._slow
        if slow is None:
            return None
        what = "waits for its data for" if slow.metric == DATA_TIME else "takes"
        advice = (
            "Look at that rank's shard, disk and loader workers: all ranks wait for it in every step."
            if slow.metric == DATA_TIME
            else "Look at that rank's GPU (heat, another job), its processor and its share of the data."
        )
        return Finding(
            "warn", slow.first_step,
            f"Rank {slow.rank} {what} {seconds_words(slow.value)} a step, the others "
            f"{seconds_words(slow.others)}.",
            {"rank": slow.rank, "metric": slow.metric, "value": slow.value, "others": slow.others,
             "threshold": SLOWER if slow.metric == STEP_TIME else WAITS, "window": WINDOW,
             "ranks": len(self._ranks)},
            advice, "ranks that are equally fast again",
        )  # fmt: skip


def _usual(values: dict[int, float]) -> float:
    """Of the median rank; of two ranks the quicker."""
    ordered = sorted(values.values())
    return ordered[(len(ordered) - 1) // 2]
