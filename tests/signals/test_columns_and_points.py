"""The same verdict live and offline, point by point and over columns, in one span and in many."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.reading.layout import ABSENT
from guardrun.signals.block import Block
from guardrun.signals.engine import Engine, EngineSettings, Placed
from guardrun.signals.model import Point, Signal

NAMES = ("train/loss", "grad_norm", "lr", "loss_scale", "step_time", "data_time")


def spans(points: Sequence[Point], size: int) -> Iterator[tuple[Block | None, list[Placed]]]:
    """The points in spans of ``size``, as a reader of a stored run delivers them."""
    for start in range(0, len(points), size):
        placed = list(enumerate(points[start : start + size], start=start))
        rows = [(place, point) for place, point in placed if point.kind == "metrics"]
        names = sorted({name for _, point in rows for name in point.values})
        block = None
        if rows:
            block = Block(
                "metrics",
                np.array([place for place, _ in rows]),
                np.array([point.step for _, point in rows], float),
                np.array([ABSENT if point.epoch is None else point.epoch for _, point in rows], float),
                np.array([point.t for _, point in rows], float),
                {name: np.array([p.values.get(name, ABSENT) for _, p in rows]) for name in names},
            )
        yield block, [(float(place), point) for place, point in placed if point.kind != "metrics"]


def told(signals: Sequence[Signal]) -> list[tuple[Any, ...]]:
    return [
        (
            s.id,
            s.severity,
            s.action,
            s.first_step,
            s.raised_at,
            s.cleared_at,
            s.superseded_by,
            s.message,
            repr(s.evidence),
        )
        for s in signals
    ]


def by_points(points: Sequence[Point], chosen: EngineSettings) -> tuple[list[Any], list[Any]]:
    engine = Engine(chosen)
    return told([signal for point in points for signal in engine.feed(point)]), told(engine.active)


def by_spans(points: Sequence[Point], size: int, chosen: EngineSettings) -> tuple[list[Any], list[Any]]:
    engine = Engine(chosen)
    found = [signal for block, others in spans(points, size) for signal in engine.feed_span(block, others)]
    return told(found), told(engine.active)


def assert_same(points: Sequence[Point], size: int, chosen: EngineSettings | None = None) -> None:
    chosen = chosen or EngineSettings(patience=4, total_steps=len(points))
    assert by_spans(points, size, chosen) == by_points(points, chosen)


def training(seed: int, steps: int) -> list[Point]:
    """A run with troubles at random places: spikes, plateaus, NaN, explosions, slow steps, skipped scales."""
    rng = random.Random(seed)
    points, loss, t, lr = [], 2.3, 0.0, 0.1
    trouble, until = "", 0
    for step in range(steps):
        if step >= until:
            trouble = rng.choice(["", "", "", "", "nan", "spike", "high", "slow", "skip", "flat", "restart"])
            until = step + rng.choice([1, 3, 12, 60, 150])
        loss = max(0.05, loss * 0.997) if trouble != "flat" else loss
        shown = loss * (1 + 0.1 * rng.gauss(0, 1))
        if trouble in ("spike", "high"):
            shown *= 5.0 if trouble == "spike" else 40.0
        lr = 0.1 if trouble == "restart" and step + 1 == until else lr * 0.999
        step_time = 0.2 * (3.0 if trouble == "slow" else 1.0) * (1 + 0.05 * rng.random())
        t += step_time
        values = {
            "train/loss": math.nan if trouble == "nan" else shown,
            "grad_norm": math.inf
            if trouble == "skip"
            else abs(rng.gauss(1, 0.2)) * (30 if trouble == "high" else 1),
            "lr": lr,
            "loss_scale": 1.0 if trouble == "skip" else 65536.0,
            "step_time": step_time,
            "data_time": step_time * (0.8 if trouble == "slow" else 0.1),
        }
        if rng.random() < 0.1:
            del values[rng.choice(list(values))]
        points.append(Point("metrics", step, step // 50, t, values))
        if step % 17 == 16:
            points.append(Point("phase", step, step // 50, t, {}, text="eval"))
            val = loss * (1 + 0.02 * rng.gauss(0, 1)) * (6 if rng.random() < 0.05 else 1)
            points.append(
                Point("eval", step, step // 50, t + 0.1, {"val/loss": val, "val/accuracy": 1 - val / 3})
            )
            points.append(Point("phase", step, step // 50, t + 0.2, {}, text="train"))
            t += 0.2
        if step % 29 == 28:
            points.append(Point("system", step, None, t, {"gpu0/utilization": rng.uniform(0, 100)}))
    return points


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("size", [40, 512, 4096])
def test_troubled_runs_are_judged_alike_point_by_point_and_over_columns(seed: int, size: int):
    assert_same(training(seed, 1500), size)


def test_a_quiet_run_is_judged_alike_and_in_silence():
    rng = random.Random(1)
    points = [
        Point(
            "metrics",
            i,
            None,
            i * 0.1,
            {"train/loss": 3 / (1 + i / 500) * (1 + 0.05 * rng.gauss(0, 1)), "lr": 0.1},
        )
        for i in range(6000)
    ]
    assert_same(points, 4096)


NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=64),
    st.sampled_from([0.0, 1.0, 1.0, 2.0, 1e308, -1.0]),
)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.dictionaries(st.sampled_from(NAMES), NUMBERS, max_size=4)), max_size=160
    ),
    st.integers(12, 90),
)
def test_any_numbers_are_judged_alike(rows: list[tuple[bool, dict[str, float]]], size: int):
    points = [
        Point("eval", i, None, float(i), {"val/loss": next(iter(values.values()), 1.0)})
        if is_eval and i % 5 == 0
        else Point("metrics", i, None, float(i), values)
        for i, (is_eval, values) in enumerate(rows)
    ]
    warm = [
        Point("metrics", 0, None, 0.0, {"train/loss": 1.0 + 0.01 * (i % 7), "grad_norm": 1.0})
        for i in range(70)
    ]
    assert_same([*warm, *points], size)
