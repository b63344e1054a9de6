"""How much a stop would have saved, counted over resumes, and whether the rest of the log proves it wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.events.encode import encode
from guardrun.following.hindsight import Work, later
from guardrun.following.judging import RunJudge
from guardrun.reading.columns import ColumnReader
from guardrun.series.store import SeriesStore
from guardrun.signals.context import EngineSettings

Row = tuple[int, int, float | None]
"""attempt, step, val/loss."""


def store_of(rows: Iterable[Row], *, seconds: float | None = 1.0) -> SeriesStore:
    lines, attempt, t = [], 0, 1_764_000_000.0
    for number, step, value in rows:
        if number != attempt:
            attempt = number
            lines.append(encode({"kind": "header", "schema": 1, "attempt": attempt}))
        event: dict[str, Any] = {"kind": "metrics", "step": step, "train/loss": 1.0}
        if value is not None:
            event = {"kind": "eval", "step": step, "val/loss": value}
        if seconds is not None:
            t += seconds
            event["t"] = t
        lines.append(encode(event))
    store = SeriesStore()
    store.add(0, ColumnReader().read(b"".join(lines)))
    return store


def test_steps_that_a_resume_repeats_are_work_too() -> None:
    work = Work(
        store_of([(1, step, None) for step in range(1, 101)] + [(2, s, None) for s in range(50, 151)])
    )

    place = work.place(1, 100)

    assert place is not None
    assert work.saved_fraction(place) == pytest.approx(0.5)
    assert work.steps == 150


def test_a_log_without_times_saves_no_hours() -> None:
    work = Work(store_of([(1, step, None) for step in range(1, 11)], seconds=None))

    assert work.seconds is None
    assert work.saved_seconds(work.place(1, 5) or 0) is None
    assert work.saved_fraction(work.place(1, 5) or 0) == pytest.approx(0.5)


def test_a_log_whose_steps_stand_still_counts_its_rows() -> None:
    work = Work(store_of([(1, 0, None)] * 10))

    assert work.saved_fraction(4) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "mode", "gain", "wrong"),
    [
        ([0.5, 0.4, 0.45, 0.36], "min", 0.1, True),
        ([0.5, 0.4, 0.45, 0.399], "min", 0.0025, False),
        ([-5.0, -8.0, -7.0, -9.0], "min", 0.125, True),
        ([0.5, 0.8, 0.7, 0.9], "max", 0.125, True),
        ([0.5, 0.4, math.nan, math.inf], "min", 0.0, False),
        ([math.nan, math.nan, 0.4, 0.3], "min", None, None),
    ],
)
def test_a_stop_is_wrong_when_the_monitor_later_improves_by_a_hundredth(
    values: list[float], mode: str, gain: float | None, wrong: bool | None
) -> None:
    store = store_of([(1, step, value) for step, value in enumerate(values)])

    found = later(store, "val/loss", mode, attempt=1, step=1)

    assert found.gain == (None if gain is None else pytest.approx(gain))
    assert found.wrong is wrong


def test_a_step_that_a_later_attempt_repeats_is_after_the_stop() -> None:
    store = store_of([(1, 1, 0.5), (1, 2, 0.4), (2, 1, 0.3)])

    assert later(store, "val/loss", "min", attempt=1, step=2).wrong is True


_ROWS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 300), st.one_of(st.none(), st.floats())),
    min_size=1,
    max_size=60,
)


@given(_ROWS, st.integers(0, 400))
def test_shares_stay_between_nothing_and_everything_whatever_the_log_holds(
    rows: list[Row], step: int
) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    store = store_of(rows)
    work = Work(store)
    for attempt in {row[0] for row in rows}:
        place = work.place(attempt, step)
        assert place is not None
        assert 0 <= work.saved_fraction(place) <= 1
        saved = work.saved_seconds(place)
        assert saved is None or 0 <= saved <= (work.seconds or 0)
        later(store, "val/loss", "min", attempt=attempt, step=step)
    RunJudge(store, EngineSettings()).run(float("inf"))
