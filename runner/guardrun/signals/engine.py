"""Runs the rules over a run's points and tells only what changed: raised, worse, superseded, cleared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from guardrun.signals.block import Block
from guardrun.signals.context import Context, EngineSettings
from guardrun.signals.lr_restarts import LrRestarts
from guardrun.signals.model import SEVERITY_ORDER, Action, Finding, Kind, Point, Rule, Signal
from guardrun.signals.policy import decide, full_policy, withheld
from guardrun.signals.precedence import Precedence
from guardrun.signals.rates import learning_rate
from guardrun.signals.rules import all_rules

__all__ = ["GRACE_POINTS", "LR_GRACE_POINTS", "Engine", "EngineSettings"]

GRACE_POINTS: Final = 5
"""Points after a start or a resume in which only rules without grace are heard: optimizers settle first."""
LR_GRACE_POINTS: Final = 50
"""The same after a restart of the learning rate: losses rise with it by design."""
_FEWEST: Final = 12
"""Points that are not worth looking at as columns."""

_NEAR: Final = 64
"""Points that are looked at one by one around something of interest."""
_TOTALS: Final = frozenset(("total_steps", "total_epochs"))

Placed = tuple[float, Point]
"""A point and its place among all of a run's points. No two are at the same place."""


class Engine:
    """Judges one run. Constant amortised work a point; never raises, whatever the numbers are.

    Points may come one by one (``feed``) or as spans of columns (``feed_span``): the outcome is the same.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._policy = full_policy(settings.policy)
        self.context = Context(settings)
        rules = [rule for rule in all_rules(self.context) if self._policy.get(rule.about.id) != "off"]
        self._watched = tuple(_Watched(rule, self._policy) for rule in rules)
        self._routes: dict[tuple[Kind, bool], tuple[_Watched, ...]] = {}
        for kind in ("metrics", "eval", "phase", "system", "tick", "end"):
            takers = tuple(w for w in self._watched if kind in w.about.kinds)
            self._routes[kind, True] = takers
            self._routes[kind, False] = tuple(w for w in takers if w.about.every_rank)
        self._precedence = Precedence()
        self._restarts = LrRestarts()
        self._grace = GRACE_POINTS
        self._last_step = 0

    @property
    def active(self) -> tuple[Signal, ...]:
        """Signals that hold now, in the order in which they were raised."""
        return self._precedence.told

    def feed(self, point: Point) -> list[Signal]:
        """Take one more point and return the transitions.

        A raised signal has ``cleared_at`` None; one that grew worse is raised again, under the same id,
        with its new severity; a cleared one carries the step at which it cleared, and ``superseded_by``
        where a stronger signal took its place.
        """
        first = point.rank == 0
        if first:
            self._notice(point)
        graced = self._grace > 0
        transitions: list[Signal] = []
        for watched in self._routes[point.kind, first]:
            transition = watched.take(point, graced)
            if transition is not None:
                transitions += self._precedence.take(transition, point.step)
        if first and graced and point.kind in ("metrics", "eval"):
            self._grace -= 1
        return transitions

    def feed_span(self, metrics: Block | None, others: Sequence[Placed] = ()) -> list[Signal]:
        """Take many points of rank 0 at once: those of kind ``metrics`` as a block, all others one by one.

        Both ascend by their place (``block.order``).
        """
        if metrics is None or not len(metrics):
            return [signal for _, point in others for signal in self.feed(point)]
        if self._grace > 0:
            return self._through_grace(metrics, others)
        alone = not _TOTALS.isdisjoint(metrics.columns)
        alone = alone or any(_moves_the_engine(point) for _, point in others)
        if alone or not self._restarts.passes(metrics):
            return [signal for point in _merged(metrics, others) for signal in self.feed(point)]
        self._last_step = int(metrics.step[-1])
        found: list[tuple[float, int, Point, Signal]] = []
        for number, watched in enumerate(self._watched):
            for place, point, signal in watched.take_span(metrics, others):
                found.append((place, number, point, signal))
        found.sort(key=lambda item: item[:2])
        return [told for _, _, point, signal in found for told in self._precedence.take(signal, point.step)]

    def resumed(self) -> list[Signal]:
        """Start judging afresh after a resume; returns the signals that this clears."""
        for watched in self._watched:
            watched.restart()
        cleared = [replace(signal, cleared_at=self._last_step) for signal in self._precedence.told]
        self._precedence.clear()
        self._restarts = LrRestarts()
        self._grace = GRACE_POINTS
        return cleared

    def _through_grace(self, metrics: Block, others: Sequence[Placed]) -> list[Signal]:
        """Feed point by point as long as rules are held back, then the rest as a span."""
        found: list[Signal] = []
        taken = passed = 0
        while self._grace > 0 and taken < len(metrics):
            place = metrics.order[taken]
            while passed < len(others) and others[passed][0] < place:
                found += self.feed(others[passed][1])
                passed += 1
            if self._grace > 0:
                found += self.feed(metrics.part(taken, taken + 1).points()[0])
                taken += 1
        rest = metrics.part(taken, len(metrics))
        return found + self.feed_span(rest if len(rest) else None, others[passed:])

    def _notice(self, point: Point) -> None:
        self._last_step = point.step
        if _tells_totals(point):
            self.context.learn(point)
        if point.kind in ("metrics", "eval") and self._restarts.take(point):
            self._grace = max(self._grace, LR_GRACE_POINTS)


class _Watched:
    """A rule and the signal that it holds up."""

    __slots__ = ("_held", "_policy", "_quiet", "_skim", "about", "rule")

    def __init__(self, rule: Rule, policy: dict[str, Action]) -> None:
        self.rule = rule
        self.about = rule.about
        self._policy = policy
        self._skim: Callable[[Block], bool] | None = getattr(rule, "skim", None)
        self._held: Signal | None = None
        self._quiet = 0

    def restart(self) -> None:
        self.rule.reset()
        self._held = None

    def take(self, point: Point, graced: bool) -> Signal | None:
        rule = self.rule
        if not rule.update(point):
            return None
        finding = rule.finding()
        if finding is None:
            return None if self._held is None else self._quieted(self._held, point.step)
        if graced and self.about.graced:
            return None
        return self._found(finding, point.step)

    def take_span(self, metrics: Block, others: Sequence[Placed]) -> Iterator[tuple[float, Point, Signal]]:
        """The same for many points without grace; yields the transitions with their places."""
        kinds = self.about.kinds
        mine = [placed for placed in others if placed[1].kind in kinds]
        if "metrics" not in kinds:
            yield from self._one_by_one(mine)
            return
        start = 0
        if mine:
            ends = metrics.order.searchsorted([place for place, _ in mine]).tolist()
            for end, placed in zip(ends, mine, strict=True):
                yield from self._stretch(metrics, start, end)
                yield from self._one_by_one((placed,))
                start = end
        yield from self._stretch(metrics, start, len(metrics))

    def _stretch(self, metrics: Block, start: int, end: int) -> Iterator[tuple[float, Point, Signal]]:
        """Pass over what is without interest; go point by point only near what is not."""
        while start < end:
            rest = end - start
            if self._skim is None or rest < _FEWEST:
                stop = end
            elif self._held is not None:
                stop = min(end, start + _NEAR)
            elif self._skim(metrics if rest == len(metrics) else metrics.part(start, end)):
                return
            elif rest <= _NEAR:
                stop = end
            else:
                middle = start + rest // 2
                yield from self._stretch(metrics, start, middle)
                start = middle
                continue
            yield from self._one_by_one(metrics.placed(start, stop))
            start = stop

    def _one_by_one(self, placed: Iterable[Placed]) -> Iterator[tuple[float, Point, Signal]]:
        for place, point in placed:
            signal = self.take(point, False)
            if signal is not None:
                yield place, point, signal

    def _found(self, finding: Finding, step: int) -> Signal | None:
        self._quiet = 0
        held = self._held
        if held is not None and SEVERITY_ORDER[finding.severity] <= SEVERITY_ORDER[held.severity]:
            return None
        action = decide(self.about.id, finding.severity, self._policy)
        self._held = Signal(
            id=self.about.id,
            severity=finding.severity,
            action=action,
            first_step=finding.first_step,
            raised_at=step,
            message=finding.message,
            evidence=finding.evidence,
            advice=finding.advice,
            would_change=finding.would_change,
            would_do=withheld(self.about.id, finding.severity, action),
        )
        return self._held

    def _quieted(self, held: Signal, step: int) -> Signal | None:
        self._quiet += 1
        if self._quiet < self.about.clear_after:
            return None
        self._held = None
        self._quiet = 0
        return replace(held, cleared_at=step)


def _tells_totals(point: Point) -> bool:
    return not _TOTALS.isdisjoint(point.values)


def _moves_the_engine(point: Point) -> bool:
    return _tells_totals(point) or learning_rate(point.values) is not None


def _merged(metrics: Block, others: Sequence[Placed]) -> Iterator[Point]:
    points, start = metrics.points(), 0
    ends = metrics.order.searchsorted([place for place, _ in others]).tolist() if others else []
    for end, (_, point) in zip(ends, others, strict=True):
        yield from points[start:end]
        yield point
        start = end
    yield from points[start:]
