"""One rank that is slower than the others."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.model import Point
from signal_curves import Judged, judge, raised

T = 1_700_000_000.0


def world(
    waits: list[float], takes: list[float], *, steps: int = 80, first: int = 0, seed: int = 0
) -> Iterator[Point]:
    """Every rank's points, step by step; ``takes`` are the seconds that a rank's own step takes."""
    rng = random.Random(seed)
    for i in range(first, first + steps):
        for rank, (wait, took) in enumerate(zip(waits, takes, strict=True)):
            values = {"step_time": took * rng.uniform(0.95, 1.05), "data_time": wait * rng.uniform(0.8, 1.2)}
            yield Point("metrics", i + 1, 0, T + took * (i + 1), values, rank=rank)


def told(judged: Judged) -> list:
    return raised(judged, "straggler", "warn")


def test_ranks_that_wait_for_each_other_are_told_apart_by_their_data():
    """With DistributedDataParallel every rank's step takes as long as the slowest one's."""
    (signal,) = told(judge(world([0.02, 0.02, 0.4, 0.02], [0.6] * 4)))
    assert signal.message.startswith("Rank 2 waits for its data for 0.")
    assert (signal.evidence["rank"], signal.evidence["metric"]) == (2, "data_time")


def test_a_rank_that_does_not_wait_for_the_others_is_told_by_its_pace():
    (signal,) = told(judge(world([0.02] * 3, [0.5, 0.9, 0.5])))
    assert "Rank 1 takes 0." in signal.message
    assert (signal.evidence["rank"], signal.evidence["metric"]) == (1, "step_time")


def test_fifty_quick_steps_need_not_last_ten_seconds_but_the_trouble_must():
    (signal,) = told(judge(world([0.005, 0.08], [0.1, 0.1], steps=140)))
    assert 80 <= signal.raised_at <= 140
    assert told(judge(world([0.005, 0.08], [0.1, 0.1], steps=80))) == []


def test_rank_0_may_be_the_one_and_so_may_one_of_two():
    (signal,) = told(judge(world([0.3, 0.01], [0.6, 0.6])))
    assert signal.evidence["rank"] == 0


def test_equal_ranks_a_short_hiccup_and_a_single_rank_are_none():
    assert told(judge(world([0.02] * 8, [0.6] * 8, steps=300))) == []
    assert told(judge(world([0.5], [0.6]))) == []
    hiccup = [*world([0.02] * 4, [0.6] * 4), *world([0.02, 0.02, 0.02, 0.5], [0.6] * 4, steps=20, first=80)]
    assert told(judge([*hiccup, *world([0.02] * 4, [0.6] * 4, first=100)])) == []


def test_it_clears_when_the_rank_keeps_up_again():
    judged = judge(world([0.02, 0.4, 0.02], [0.6] * 3))
    assert len(told(judged)) == 1
    for point in world([0.02] * 3, [0.6] * 3, steps=100, first=80):
        judged.feed(point)
    assert judged.active == ()


def test_a_resume_forgets_which_ranks_there_were():
    judged = judge(world([0.02, 0.4, 0.02], [0.6] * 3))
    judged.resumed()
    for point in world([0.02], [0.6], steps=100, first=80):
        judged.feed(point)
    assert judged.active == ()


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(), st.floats(), st.floats()), max_size=60))
def test_it_never_raises(rows):
    judge(
        Point("metrics", i, 0, t, {"step_time": took, "data_time": waited}, rank=rank)
        for i, (rank, t, took, waited) in enumerate(rows * 3)
    )
