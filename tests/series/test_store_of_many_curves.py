"""A log of thousands of long curves: the store keeps to its room, keeps what matters, and says what not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from guardrun.reading.columns import ColumnReader
from guardrun.reading.layout import MAX_KEYS
from guardrun.series import store as module
from guardrun.series.store import SeriesStore


def rows(start: int, count: int, keys: int) -> bytes:
    lines = []
    for step in range(start, start + count):
        row = {"t": float(step), "kind": "metrics", "step": step, "epoch": 0}
        row |= {f"layer/{key}": 1.0 * step for key in range(keys)}
        lines.append(json.dumps({**row, "train/loss": 2.0 * step, "lr": 0.1}).encode())
    return b"\n".join(lines) + b"\n"


def test_curves_of_details_give_way_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CELLS", 20_000)
    monkeypatch.setattr(module, "_FEWEST_CURVES", 10)
    store, reader = SeriesStore(), ColumnReader()
    for start in range(0, 1000, 50):
        store.add(0, reader.read(rows(start, 50, 100)))

    kept = store.names()
    assert 10 <= len(kept) <= 20
    assert {"train/loss", "lr", "layer/0"} <= set(kept)
    assert np.array_equal(store.get("train/loss").value, 2.0 * np.arange(1000))
    assert np.array_equal(store.get("layer/0").value, 1.0 * np.arange(1000))
    assert len(store.get("layer/99")) == 0
    assert store.notes == (
        f"{102 - len(kept)} curves are left out: all of them would take more than 512 MB of memory",
    )


def test_keys_beyond_the_most_that_become_curves_are_said() -> None:
    store, reader = SeriesStore(), ColumnReader()
    store.add(0, reader.read(rows(0, 2, MAX_KEYS + 5)))

    assert store.notes == (f"a log has {MAX_KEYS:,} different keys: any beyond them have no curve",)
    few = SeriesStore()
    few.add(0, ColumnReader().read(rows(0, 2, 5)))
    assert few.notes == ()
