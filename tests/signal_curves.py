"""Synthetic curves that show one phenomenon each, and a short way to have them judged."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence

from guardrun.signals.engine import Engine, EngineSettings
from guardrun.signals.model import Point, Signal


def decreasing(
    steps: int, *, start: float = 2.3, floor: float = 0.1, noise: float = 0.1, seed: int = 0
) -> list[float]:
    """Exponential decay with noise proportional to the level, as minibatch losses have."""
    rng = random.Random(seed)
    levels = [floor + (start - floor) * math.exp(-4 * i / steps) for i in range(steps)]
    return [level * (1 + noise * rng.gauss(0, 1)) for level in levels]


def noisy(level: float, count: int, noise: float = 0.2, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [level * (1 + noise * rng.gauss(0, 1)) for _ in range(count)]


def metrics(step: int, **values: float) -> Point:
    """A training point; ``loss`` is train/loss."""
    named = {{"loss": "train/loss"}.get(name, name): value for name, value in values.items()}
    return Point("metrics", step, None, float(step), named)


def evaluation(step: int, values: Mapping[str, float]) -> Point:
    return Point("eval", step, None, float(step), dict(values))


class Judged:
    """An engine that remembers what it told, oldest first."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.engine = Engine(settings or EngineSettings())
        self.history: list[Signal] = []

    @property
    def active(self) -> tuple[Signal, ...]:
        return self.engine.active

    def feed(self, point: Point) -> list[Signal]:
        told = self.engine.feed(point)
        self.history += told
        return told

    def resumed(self) -> list[Signal]:
        told = self.engine.resumed()
        self.history += told
        return told


def judge(points: Iterable[Point], settings: EngineSettings | None = None) -> Judged:
    """An engine that has seen all of them."""
    judged = Judged(settings)
    for point in points:
        judged.feed(point)
    return judged


def judge_losses(losses: Sequence[float], *, lr: float = 0.3) -> Judged:
    return judge(metrics(i + 1, loss=loss, lr=lr) for i, loss in enumerate(losses))


def judge_epochs(
    train: Sequence[float],
    val: Sequence[float],
    others: Mapping[str, Sequence[float]] | None = None,
    **settings: str,
) -> Judged:
    """One training point and one evaluation an epoch."""
    engine = Judged(EngineSettings(**settings))
    for i, (loss, value) in enumerate(zip(train, val, strict=True)):
        engine.feed(metrics(i + 1, loss=loss))
        more = {name: values[i] for name, values in (others or {}).items()}
        engine.feed(evaluation(i + 1, {"val/loss": value, **more}))
    return engine


def raised(engine: Judged, rule: str, severity: str = "act") -> list[Signal]:
    return [s for s in engine.history if s.id == rule and s.severity == severity and s.cleared_at is None]
