"""Many points at once leave a rule of pace in the very state that the same points one by one leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.reading.layout import ABSENT
from guardrun.signals.block import Block
from guardrun.signals.context import Budget, Context, EngineSettings
from guardrun.signals.model import Point
from guardrun.signals.rules.budget import BudgetUsedUp
from guardrun.signals.rules.data_bottleneck import DataBottleneck
from guardrun.signals.rules.hang import Hang
from guardrun.signals.rules.idle_gpu import IdleGpu
from guardrun.signals.rules.memory_near_limit import MemoryNearLimit
from guardrun.signals.rules.straggler import Straggler
from guardrun.signals.rules.throughput_drop import ThroughputDrop

RULES = [BudgetUsedUp, DataBottleneck, Hang, IdleGpu, MemoryNearLimit, Straggler, ThroughputDrop]
KEYS = ("step_time", "data_time", "samples_per_s", "gpu/memory_reserved_bytes")
GIB = 2.0**30
MACHINE = {"gpu0/utilization": 90.0, "gpu0/memory_bytes": 8 * GIB, "gpu0/memory_total_bytes": 80 * GIB}
SETTINGS = EngineSettings(budget=Budget(time=5e4, steps=10**6, epochs=9))
BEFORE = [
    Point("phase", 0, 0, 1000.0, {}, text="train"),
    Point("system", 0, None, 1000.5, {**MACHINE, "gpu0/memory_bytes": GIB}),
    *(Point("metrics", i + 1, 0, 1001.0 + i, {"step_time": 1.0, "data_time": 0.1}) for i in range(120)),
    Point("system", 120, None, 1121.5, MACHINE),
]


def state(thing: Any) -> Any:
    """What a rule remembers, in a form that can be compared (NaN too)."""
    slots = getattr(type(thing), "__slots__", ())
    if hasattr(thing, "__dict__") or slots:
        names = [*vars(thing)] if hasattr(thing, "__dict__") else list(slots)
        return {n: state(getattr(thing, n)) for n in names if n != "_context"}
    if isinstance(thing, dict):
        return {key: state(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple) or type(thing).__name__ == "deque":
        return [state(each) for each in thing]
    return repr(thing)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    count = draw(st.integers(1, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    slow = draw(st.sampled_from([1.0, 1.0, 1.25, 1.6]))
    columns = {}
    for key, level in zip(KEYS, (1.0, draw(st.sampled_from([0.1, 0.49, 0.6])), 32.0, GIB), strict=True):
        column = level * slow * rng.lognormal(0, draw(st.sampled_from([0.01, 0.2])), count)
        column[rng.random(count) < draw(st.sampled_from([0, 0, 0.2]))] = ABSENT
        column[rng.random(count) < draw(st.sampled_from([0, 0, 0.05]))] = draw(
            st.sampled_from([np.nan, np.inf, -1.0, 0.0, 1e308])
        )
        if draw(st.integers(0, 5)):
            columns[key] = column
    steps = 121.0 + np.arange(count)
    times = 1122.0 + np.cumsum(rng.exponential(draw(st.sampled_from([1.0, 100.0, 2000.0])), count))
    times[rng.random(count) < draw(st.sampled_from([0, 0, 0.1]))] = draw(
        st.sampled_from([np.nan, 0.0, np.inf])
    )
    epochs = np.full(count, draw(st.sampled_from([0.0, np.nan, 9.0])))
    return Block("metrics", np.arange(count), steps, epochs, times, columns)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_block_leaves_the_state_of_its_points_or_changes_nothing(rule, data):
    """And a block that was taken at once held no finding."""
    one_by_one, at_once = rule(Context(SETTINGS)), rule(Context(SETTINGS))
    for point in BEFORE:
        for each in (one_by_one, at_once):
            if point.kind in each.about.kinds:
                each.update(point)
    for _ in range(data.draw(st.integers(1, 3))):
        block = data.draw(blocks())
        before = state(at_once)
        taken = at_once.skim(block)
        found = [one_by_one.finding() for point in block.points() if one_by_one.update(point)]
        if taken:
            assert not any(found)
        else:
            assert state(at_once) == before
            for point in block.points():
                at_once.update(point)
        assert state(at_once) == state(one_by_one)
