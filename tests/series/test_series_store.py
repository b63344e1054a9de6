"""Columns grow, views stay, NaN is a value and a missing key is none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.events.encode import encode
from guardrun.reading.columns import Batch, ColumnReader
from guardrun.series.store import SYSTEM, SeriesStore


class Log:
    """A file's reader: turns events into batches, numbering rows on."""

    def __init__(self) -> None:
        self._reader = ColumnReader()

    def batch(self, *events: dict[str, Any]) -> Batch:
        return self._reader.read(b"".join(map(encode, events)))


def metrics(step: int, **values: Any) -> dict[str, Any]:
    return {"t": 100.0 + step, "kind": "metrics", "step": step, "epoch": step // 10, **values}


def test_an_unknown_curve_is_empty() -> None:
    series = SeriesStore().get("loss")

    assert len(series) == 0
    assert (series.step.dtype, series.value.dtype, series.attempt.dtype) == (np.float64, np.float64, np.int32)


def test_a_dense_curve_is_a_view_of_what_was_logged() -> None:
    store, log = SeriesStore(), Log()
    store.add(0, log.batch(*(metrics(n, loss=n / 10) for n in range(50))))

    series = store.get("loss")

    assert series.step.tolist() == list(range(50))
    assert series.t.tolist() == [100.0 + n for n in range(50)]
    assert series.epoch.tolist() == [n // 10 for n in range(50)]
    assert series.value.tolist() == [n / 10 for n in range(50)]
    assert set(series.attempt.tolist()) == {1}


def test_absent_values_are_no_points_and_a_logged_nan_is_one() -> None:
    store, log = SeriesStore(), Log()
    store.add(
        0,
        log.batch(metrics(1, loss=1.0, lr=0.1), metrics(2, loss=math.nan), metrics(3, loss=3.0, lr=math.inf)),
    )

    assert store.get("lr").step.tolist() == [1, 3]
    assert store.get("lr").value.tolist() == [0.1, math.inf]
    assert store.get("loss").step.tolist() == [1, 2, 3]
    assert math.isnan(store.get("loss").value[1])


def test_a_key_without_a_single_number_is_no_curve() -> None:
    store, log = SeriesStore(), Log()
    store.add(0, log.batch({"t": 1, "kind": "eval", "step": 1, "val/loss": 1.0, "improved": True}))

    assert store.names() == ["val/loss"]


def test_a_curve_in_metrics_and_in_evaluations_is_one_in_file_order() -> None:
    store, log = SeriesStore(), Log()
    evaluation = {"t": 9.0, "kind": "eval", "step": 2, "epoch": 0, "loss": 20.0}
    store.add(0, log.batch(metrics(1, loss=1.0), metrics(2, loss=2.0), evaluation, metrics(3, loss=3.0)))

    assert store.get("loss").value.tolist() == [1.0, 2.0, 20.0, 3.0]
    store.add(0, log.batch(metrics(4, loss=4.0)))
    assert store.get("loss").value.tolist() == [1.0, 2.0, 20.0, 3.0, 4.0]


def test_a_resume_repeats_steps_under_the_next_attempt_and_drops_nothing() -> None:
    store, log = SeriesStore(), Log()
    store.add(0, log.batch({"kind": "header", "attempt": 1}, *(metrics(n, loss=1.0) for n in range(5))))
    store.add(
        0,
        log.batch({"kind": "resume", "attempt": 2, "step": 3}, *(metrics(n, loss=2.0) for n in range(3, 6))),
    )

    series = store.get("loss")

    assert series.step.tolist() == [0, 1, 2, 3, 4, 3, 4, 5]
    assert series.attempt.tolist() == [1] * 5 + [2] * 3


def test_views_handed_out_stay_as_they_were_and_cannot_be_written() -> None:
    store, log = SeriesStore(), Log()
    store.add(0, log.batch(metrics(1, loss=1.0)))
    early = store.get("loss")
    for n in range(2, 3000):
        store.add(0, log.batch(metrics(n, loss=float(n))))

    assert early.value.tolist() == [1.0]
    assert len(store.get("loss")) == 2999
    with pytest.raises(ValueError, match="read-only"):
        early.value[0] = 5.0


def test_ranks_are_kept_apart_and_one_can_be_dropped() -> None:
    store = SeriesStore()
    store.add(0, Log().batch(metrics(1, loss=1.0)))
    store.add(1, Log().batch(metrics(1, loss=2.0)))
    version = store.version

    store.drop(0)

    assert store.ranks() == [1]
    assert len(store.get("loss", 0)) == 0
    assert store.get("loss", 1).value.tolist() == [2.0]
    assert store.version > version


def test_system_samples_carry_the_newest_step_at_their_time() -> None:
    store = SeriesStore()
    store.add(0, Log().batch(*(metrics(n, loss=1.0) for n in range(1, 6))))
    store.add(
        SYSTEM, Log().batch(*({"t": t, "kind": "system", "cpu/percent": 1.0} for t in (50.0, 103.5, 999.0)))
    )

    assert store.get("cpu/percent", SYSTEM).step.tolist() == [0, 3, 5]
    assert store.names(SYSTEM) == ["cpu/percent"]
    assert store.names() == ["loss"]


def test_the_version_grows_with_every_row_and_not_without() -> None:
    store, log = SeriesStore(), Log()
    store.add(0, log.batch({"kind": "note"}))
    assert store.version == 0
    store.add(0, log.batch(metrics(1)))
    assert store.version == 1


ROWS = st.lists(
    st.fixed_dictionaries(
        {}, optional={key: st.floats(-10, 10) | st.just(math.nan) for key in ("loss", "lr", "acc")}
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, max_size=6))
def test_any_cutting_into_batches_gives_the_same_curves(batches: list[list[dict[str, float]]]) -> None:
    events = [[metrics(0, **row) for row in rows] for rows in batches]
    parts, whole, part_log = SeriesStore(), SeriesStore(), Log()
    for rows in events:
        parts.add(0, part_log.batch(*rows))
        for name in parts.names():
            parts.get(name)
    whole.add(0, Log().batch(*(event for rows in events for event in rows)))

    assert sorted(parts.names()) == sorted(whole.names())
    for name in whole.names():
        logged = [row[name] for rows in batches for row in rows if name in row]
        np.testing.assert_array_equal(parts.get(name).value, np.array(logged))
        np.testing.assert_array_equal(whole.get(name).value, np.array(logged))
