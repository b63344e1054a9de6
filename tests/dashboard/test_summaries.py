"""Few numbers of many curves: counted on while a curve grows, and as exact as counting anew."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from dashboard_pilot import FakeStore
from guardrun.series.store import Series
from guardtui.snapshot import Gpu, Numbers
from guardtui.summaries import Summaries, better, newest_gpu

PATH = Path("run")


def curve(name, values):
    value = np.array(values, float)
    zeros = np.zeros(len(value))
    return Series(name, zeros, zeros, zeros, value, np.ones(len(value), np.int32))


def test_numbers_grow_with_the_curve_and_start_again_with_it():
    kept = Summaries()
    found = []
    for values in ([3.0, 1.0], [3.0, 1.0, math.nan, 5.0], [3.0, 1.0, math.nan, 5.0, math.inf], [2.0]):
        store = FakeStore({"val/loss": curve("val/loss", values)})
        found.append(kept.numbers(PATH, store, ("val/*",))["val/loss"])

    assert found == [
        Numbers(1.0, 1.0, 3.0, "min"), Numbers(5.0, 1.0, 5.0, "min"), Numbers(math.inf, 1.0, 5.0, "min"),
        Numbers(2.0, 2.0, 2.0, "min"),
    ]  # fmt: skip


def test_only_wanted_metrics_are_counted_of_training_and_machine():
    curves = {name: curve(name, [1.0]) for name in ("Val/Acc", "lr", "a[0]")}
    store = FakeStore(curves, {"gpu0/utilization": 50.0})

    assert Summaries().numbers(PATH, store, ()) == {}
    assert set(Summaries().numbers(PATH, store, ("val/acc", "gpu*"))) == {"Val/Acc", "gpu0/utilization"}
    assert set(Summaries().numbers(PATH, store, ("a[0]",))) == {"a[0]"}


def test_gpus_are_added_up_and_one_that_tells_nothing_is_left_out():
    machine = {"gpu0/utilization": 90.0, "gpu1/utilization": math.nan, "gpu0/memory_bytes": 4e9}

    assert newest_gpu(FakeStore({}, machine)) == Gpu(1, 4e9, None, 90.0)
    assert newest_gpu(FakeStore({}, {"cpu/percent": 3.0})) is None
    assert Summaries().gpu(PATH, FakeStore({})) is None


def test_the_name_tells_which_is_better_or_nothing_does():
    assert [better(name) for name in ("val/loss", "test/accuracy", "val/xyz")] == ["min", "max", ""]
