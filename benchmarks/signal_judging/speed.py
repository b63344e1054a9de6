"""How many events a second all rules together judge, on one core."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.signal_judging.engine_adapter import feed_columns, new_engine
from guardrun.signals.model import Point

STEPS: Final = 20_000
EVAL_EVERY: Final = 100
REPEATS: Final = 5


def healthy_run(steps: int = STEPS) -> list[Point]:
    """A synthetic healthy training: noisy falling loss, cosine learning rate, regular evaluations."""
    rng = random.Random(20)
    points: list[Point] = []
    for step in range(1, steps + 1):
        level = 0.5 + 2.0 * math.exp(-4 * step / steps)
        t = 1_764_000_000.0 + 0.2 * step
        values = {
            "train/loss": level * math.exp(rng.gauss(0, 0.08)),
            "lr": 1e-3 * 0.5 * (1 + math.cos(math.pi * step / steps)),
            "grad_norm": math.exp(rng.gauss(0, 0.25)),
            "step_time": 0.2 * math.exp(rng.gauss(0, 0.03)),
            "data_time": 0.02 * math.exp(rng.gauss(0, 0.1)),
            "samples_per_s": 640.0 * math.exp(rng.gauss(0, 0.03)),
        }
        epoch = step // 1000
        points.append(Point("metrics", step, epoch, t, values))
        if step % EVAL_EVERY == 0:
            accuracy = 1 - 0.4 * level + rng.gauss(0, 0.005)
            found = {"val/loss": level * math.exp(rng.gauss(0, 0.01)), "val/accuracy": accuracy}
            points.append(Point("eval", step, epoch, t, found))
    return points


def measure(steps: int = STEPS, repeats: int = REPEATS) -> dict[str, float]:
    """Events a second, event by event and over columns: processor time of this process, best of several."""
    points = healthy_run(steps)
    rates = {"event by event": _rate(lambda: _one_by_one(points, steps), len(points), repeats)}
    columns = feed_columns(points)
    if columns is not None:
        rates["over columns"] = _rate(lambda: columns(new_engine(total_steps=steps)), len(points), repeats)
    return rates


def _one_by_one(points: Sequence[Point], steps: int) -> None:
    engine = new_engine(total_steps=steps)
    for point in points:
        engine.feed(point)


def _rate(work: Callable[[], object], events: int, repeats: int) -> float:
    best = math.inf
    for _ in range(repeats):
        gc.collect()
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return events / best if best > 0 else math.inf
