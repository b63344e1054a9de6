"""A run is pruned only when it can no longer catch up: never in a close group, always when it is hopeless."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.engine import EngineSettings
from guardrun.signals.model import Signal
from guardrun.signals.siblings import Sibling, Standing
from signal_curves import Judged, evaluation

EVALS = 40
TOTAL = 100 * EVALS
STEPS = range(100, TOTAL + 1, 100)


def curve(floor: float, *, rate: float = 6.0, noise: float = 0.01, seed: int = 0) -> list[float]:
    """From 2.3 towards ``floor``; noise is a share of the level."""
    rng = random.Random(seed)
    return [
        (floor + (2.3 - floor) * math.exp(-rate * i / EVALS)) * (1 + noise * rng.gauss(0, 1))
        for i in range(EVALS)
    ]


def sibling(values: Sequence[float], name: str = "", **facts: object) -> Sibling:
    known = {"total": float(TOTAL), "over": True, **facts}
    return Sibling.of(name, zip(STEPS, values, strict=False), **known)  # type: ignore[arg-type]


GROUP = [curve(0.40 + 0.01 * seed, seed=seed) for seed in range(5)]
"""Five close runs."""
STUCK = [2.3 + 0.01 * random.Random(9).gauss(0, 1) for _ in range(EVALS)]
"""A learning rate of 1e-9."""


def inferior_from(
    values: Sequence[float], siblings: Sequence[Sibling], *, mode: str = "min", total: float | None = TOTAL
) -> float | None:
    """The share of the run at which it is first told inferior."""
    standing = Standing(mode)
    for step, value in zip(STEPS, values, strict=False):
        if standing.take(step, value, siblings, total) is not None:
            return step / TOTAL
    return None


def others(run: int) -> list[Sibling]:
    return [sibling(values) for place, values in enumerate(GROUP) if place != run]


def test_no_run_of_a_close_group_is_inferior():
    assert [inferior_from(values, others(run)) for run, values in enumerate(GROUP)] == [None] * 5


def test_a_run_that_learns_nothing_is_inferior_soon_after_a_quarter():
    share = inferior_from(STUCK, [sibling(values) for values in GROUP])
    assert share is not None
    assert 0.25 < share < 0.45


@pytest.mark.parametrize(
    "broken",
    [
        [2.3, *(float("nan") for _ in range(EVALS - 1))],
        [float("nan")] * EVALS,
        [2.3 * 3.0**i for i in range(EVALS)],
        [2.3, *(random.Random(i).uniform(5, 1e6) for i in range(EVALS - 1))],
        [float("inf")] * EVALS,
    ],
    ids=["nan later", "nan from the start", "diverging", "wild", "infinite"],
)
def test_a_diverged_run_is_inferior_however_wild_it_is(broken: list[float]):
    share = inferior_from(broken, [sibling(values) for values in GROUP])
    assert share is not None
    assert share < 0.45


def test_where_the_siblings_themselves_are_noise_nobody_is_inferior():
    """Evaluations that swing by half of all that was ever gained: the best of the others is luck."""
    swinging = [
        [value + 0.9 * random.Random(31 * run + i).random() for i, value in enumerate(values)]
        for run, values in enumerate(GROUP)
    ]
    behind = [value + 0.5 for value in swinging[0]]
    assert inferior_from(behind, [sibling(values) for values in swinging]) is None
    assert inferior_from(behind, [sibling(values) for values in GROUP]) is not None


def test_a_group_that_is_first_evaluated_late_is_judged_late():
    """What it learned before its first evaluation is not known, so neither is how much of it is missing."""
    sparse = [Sibling.of("", list(zip(STEPS, values, strict=True))[3::4], total=TOTAL) for values in GROUP]
    standing = Standing()
    shares = [
        step / TOTAL
        for step, value in list(zip(STEPS, STUCK, strict=True))[3::4]
        if standing.take(step, value, sparse, TOTAL) is not None
    ]
    assert 0.65 <= shares[0] <= 0.8


def test_fewer_than_four_siblings_are_no_group():
    assert inferior_from(STUCK, [sibling(values) for values in GROUP[:3]]) is None


def test_without_a_length_of_the_run_nothing_is_said():
    assert inferior_from(STUCK, [sibling(values) for values in GROUP], total=None) is None


def test_seeds_of_the_same_settings_are_never_held_against_each_other():
    assert inferior_from(STUCK, [sibling(values, twin=True) for values in GROUP]) is None


def test_a_slow_run_that_still_comes_down_is_left_alone():
    """It is far behind at half time, but at its pace it gets where the others are."""
    slow = [2.3 - 2.0 * i / EVALS for i in range(EVALS)]
    assert inferior_from(slow, [sibling(values) for values in GROUP]) is None


def test_a_high_learning_rate_that_falls_late_wins_and_was_never_inferior():
    """A cosine: 0.5 above the others for half of the run, below them at its end."""
    late = [
        0.3 + 0.75 * (1 + math.cos(math.pi * i / EVALS)) / 2 + 1.3 * math.exp(-9 * i / EVALS)
        for i in range(EVALS)
    ]
    assert min(late) < min(map(min, GROUP))
    assert late[EVALS // 3] > GROUP[4][EVALS // 3] + 0.1
    assert inferior_from(late, [sibling(values) for values in GROUP]) is None


def test_the_future_of_a_sibling_does_not_count():
    """At each moment the siblings were as bad as this run; all of them fell just after its end."""
    later = [[*STUCK[:-1], 0.1] for _ in range(5)]
    assert inferior_from(STUCK[:-1], [sibling(values) for values in later]) is None


def test_siblings_that_have_not_come_as_far_are_not_asked():
    begun = [sibling(values[:5], over=False) for values in GROUP]
    assert inferior_from(STUCK, begun) is None
    ended = [sibling(values[:5], over=True) for values in GROUP]
    assert inferior_from(STUCK, ended) is not None


def test_a_longer_sibling_is_met_at_the_same_step_and_a_shorter_one_at_the_same_share():
    short = sibling([2.3, 2.2, 1.0, 0.4], total=400.0)
    long = sibling(curve(0.4), total=10.0 * TOTAL)
    standing = Standing()
    places = [
        [best for best, _, _ in standing._others(step, step / TOTAL, [short, long])]
        for step in (TOTAL // 4, TOTAL // 2)
    ]
    assert places[0] == sorted([2.3, long.best_until(TOTAL // 4)])
    assert places[1] == sorted([2.2, long.best_until(TOTAL // 2)])


def test_steps_that_a_resume_does_again_replace_the_first_ones():
    known = Sibling.of("a", [(100, 2.0), (200, 0.1), (200, 1.5), (300, 1.4)])
    assert (known.steps, known.bests) == ((100, 200, 300), (2.0, 1.5, 1.4))


def changed(change: Callable[[float], float]) -> list[float | None]:
    runs = [*GROUP, STUCK, curve(1.4, seed=7)]
    told = [[change(value) for value in values] for values in runs]
    return [
        inferior_from(values, [sibling(other) for other in told if other is not values]) for values in told
    ]


@given(scale=st.integers(-60, 60), shift=st.sampled_from([0.0, -2.0, -64.0, 1024.0]))
@settings(max_examples=25, deadline=None)
def test_neither_the_unit_nor_the_zero_of_the_metric_matters(scale: int, shift: float):
    expected = changed(lambda value: round(value * 2**20) / 2**20)
    assert expected[5] is not None
    moved = changed(lambda value: (round(value * 2**20) / 2**20 + shift) * 2.0**scale)
    assert moved == expected


def test_more_is_better_where_the_mode_says_so():
    runs = [[3.0 - value for value in values] for values in [*GROUP, STUCK]]
    shares = [
        inferior_from(
            values, [sibling(other, mode="max") for other in runs if other is not values], mode="max"
        )
        for values in runs
    ]
    assert shares[:5] == [None] * 5
    assert shares[5] is not None


@given(
    st.lists(
        st.lists(st.floats(width=64) | st.sampled_from([1e308, -1e308, 0.0]), max_size=30),
        min_size=6,
        max_size=6,
    ),
    st.sampled_from([None, 0.0, 1.0, 700.0, 3000.0, float("inf")]),
)
@settings(max_examples=150, deadline=None)
def test_no_numbers_make_it_fail(runs: list[list[float]], total: float | None):
    siblings = [sibling(values, total=total) for values in runs[1:]]
    standing = Standing()
    for step, value in zip(STEPS, runs[0], strict=False):
        standing.take(step, value, siblings, total)


@given(
    seed=st.integers(0, 10_000),
    noise=st.floats(0.0, 0.05),
    spread=st.floats(0.0, 0.1),
    rate=st.floats(3.0, 12.0),
)
@settings(max_examples=30, deadline=None)
def test_healthy_runs_that_differ_by_seed_and_a_little_never_lose_their_winner(
    seed: int, noise: float, spread: float, rate: float
):
    runs = [curve(0.4 + spread * i / 5, noise=noise, rate=rate, seed=seed + i) for i in range(6)]
    winner = min(runs, key=min)
    assert inferior_from(winner, [sibling(values) for values in runs if values is not winner]) is None


def test_a_million_evaluations_cost_bounded_memory_and_no_time():
    standing = Standing()
    siblings = [sibling(values) for values in GROUP]
    for step in range(200_000):
        standing.take(step, 2.3, siblings, 200_000)
    assert len(standing._steps) <= 256


# -- the rule


def engine_of(**settings: object) -> Judged:
    judged = Judged(EngineSettings(total_steps=TOTAL, **settings))  # type: ignore[arg-type]
    judged.engine.context.siblings = tuple(sibling(values, str(n)) for n, values in enumerate(GROUP))
    return judged


def told(judged: Judged, values: Sequence[float], name: str = "val/loss") -> Iterator[Signal]:
    for step, value in zip(STEPS, values, strict=False):
        yield from (signal for signal in judged.feed(evaluation(step, {name: value})))


def inferiors(judged: Judged, values: Sequence[float], name: str = "val/loss") -> list[Signal]:
    return [signal for signal in told(judged, values, name) if signal.id == "inferior"]


def test_by_default_a_person_is_asked():
    (signal,) = inferiors(engine_of(), STUCK)
    assert (signal.severity, signal.action) == ("act", "warn")
    assert "stop key" in signal.advice
    assert signal.evidence["leader_run"] == "0"
    assert "near the settings of 0" in signal.advice
    assert signal.evidence["siblings"] == 5
    assert signal.evidence["value"] > signal.evidence["threshold"] > signal.evidence["siblings_reached"]
    assert signal.would_change.startswith("val/loss below ")


def test_the_policy_may_stop_it():
    (signal,) = inferiors(engine_of(policy={"inferior": "stop"}), STUCK)
    assert signal.action == "stop"
    assert signal.advice.startswith("Your policy ends it")


def test_it_clears_when_the_run_catches_up():
    recovering = [*STUCK[:20], *(0.3 for _ in range(20))]
    raised, cleared = inferiors(engine_of(), recovering)
    assert cleared.cleared_at is not None
    assert cleared.cleared_at > raised.raised_at


def test_a_run_without_siblings_is_never_inferior():
    judged = Judged(EngineSettings(total_steps=TOTAL))
    assert inferiors(judged, STUCK) == []


def test_a_run_whose_length_nobody_told_takes_that_of_its_siblings():
    judged = Judged(EngineSettings())
    judged.engine.context.siblings = tuple(sibling(values) for values in GROUP)
    (signal,) = inferiors(judged, STUCK)
    assert 0.25 <= signal.evidence["share_of_run"] < 0.45


def test_an_accuracy_is_told_as_it_was_logged():
    judged = Judged(EngineSettings(monitor="val/accuracy", mode="max", total_steps=TOTAL))
    judged.engine.context.siblings = tuple(
        sibling([1 - value / 2.4 for value in values], mode="max") for values in GROUP
    )
    (signal,) = inferiors(judged, [0.1] * EVALS, "val/accuracy")
    assert signal.evidence["value"] == pytest.approx(0.1)
    assert signal.evidence["siblings_reached"] > 0.5
    assert signal.would_change.startswith("val/accuracy above ")


def test_after_a_resume_it_is_judged_anew():
    judged = engine_of()
    first = inferiors(judged, STUCK[:25])
    assert len(first) == 1
    (cleared,) = (signal for signal in judged.resumed() if signal.id == "inferior")
    assert cleared.cleared_at is not None
