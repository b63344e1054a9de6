"""Training that became much slower and stays so."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.model import Point
from signal_curves import Judged, judge, raised

T = 1_700_000_000.0


def steps(times: list[float], *, first: int = 0, **others: list[float]) -> list[Point]:
    return [
        Point("metrics", first + i + 1, 0, T + 2.0 * (first + i),
              {"step_time": took, **{name: values[i] for name, values in others.items()}})
        for i, took in enumerate(times)
    ]  # fmt: skip


def told(judged: Judged) -> list:
    return raised(judged, "throughput_drop", "warn")


def noisy(count: int, level: float, seed: int = 0, noise: float = 0.08) -> list[float]:
    rng = random.Random(seed)
    return [level * rng.lognormvariate(0, noise) for _ in range(count)]


def test_half_the_pace_is_told_with_both_paces_and_clears_when_it_comes_back():
    judged = judge(steps([*noisy(200, 0.5), *noisy(100, 1.0)]))
    (signal,) = told(judged)
    assert "2.0 times slower than at first since step 21" in signal.message
    assert 225 <= signal.raised_at <= 235
    assert signal.evidence["base"] == pytest.approx(0.5, rel=0.1)
    for point in steps(noisy(100, 0.5), first=300):
        judged.feed(point)
    assert judged.active == ()


def test_the_loader_is_named_when_it_is_the_cause():
    took, waits = [*noisy(200, 0.5), *noisy(100, 1.0)], [*[0.05] * 200, *[0.45] * 100]
    (signal,) = told(judge(steps(took, data_time=waits)))
    assert signal.message.endswith("Waiting for data rose from 0.05 s to 0.45 s a step.")


@pytest.mark.parametrize(
    "times",
    [
        [0.5 if i % 25 else 9.0 for i in range(500)],
        [*noisy(100, 0.5), *noisy(18, 2.0), *noisy(100, 0.5)],
        [0.5 * (1 + 0.2 * i / 500) for i in range(500)],
        [30.0, *noisy(300, 0.5)],
    ],
    ids=["evaluations", "a short stall", "a slow drift", "a first step that compiles"],
)
def test_what_happens_in_every_healthy_run_is_none(times):
    assert told(judge(steps(times))) == []


def test_larger_steps_that_do_more_work_are_no_slower():
    took = [*noisy(200, 0.5), *noisy(200, 1.0)]
    assert told(judge(steps(took, samples_per_s=[*[64.0] * 400]))) == []
    assert told(judge(steps(took, samples_per_s=[64.0] * 200 + [30.0] * 200, tokens_per_s=[5e4] * 400))) == []
    (signal,) = told(judge(steps(noisy(400, 0.5), samples_per_s=[64.0] * 200 + [30.0] * 200)))
    assert "samples_per_s 30, it was 64" in signal.message


def test_a_resume_measures_a_new_beginning():
    judged = judge(steps(noisy(100, 0.5)))
    judged.resumed()
    for point in steps(noisy(200, 2.0), first=100):
        judged.feed(point)
    assert told(judged) == []


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(-12, 12))
def test_no_prefix_of_a_steady_run_is_a_drop_at_any_scale(seed, power):
    judged = judge(steps([x * 2.0**power for x in noisy(600, 0.5, seed, 0.15)]))
    assert told(judged) == []


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=60))
def test_it_never_raises(rows):
    judge(
        Point("metrics", i, 0, t, {"step_time": took, "samples_per_s": took})
        for i, (t, took) in enumerate(rows * 4)
    )
