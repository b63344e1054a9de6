"""Validation that swings without getting anywhere; neither noise near zero nor a run that improves."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.engine import EngineSettings
from signal_curves import Judged, decreasing, evaluation, judge, metrics, raised

RULE = "oscillation"


def swinging(
    count: int, *, level: float = 1.0, swing: float = 0.3, start: float = 2.5, seed: int = 0
) -> list[float]:
    rng = random.Random(seed)
    return [start, *[level * (1 + swing * rng.uniform(-1, 1)) for _ in range(count)]]


def judged(values: list[float], metric: str = "val/loss", **known: object) -> Judged:
    return judge(
        (evaluation(i, {metric: v}) for i, v in enumerate(values)),
        EngineSettings(**{"monitor": metric, **known}),
    )


def told(engine: Judged) -> list[str]:
    return [signal.severity for signal in engine.history if signal.id == RULE and signal.cleared_at is None]


def test_swings_of_a_third_of_the_level_are_told_and_then_warned_of():
    engine = judged(swinging(80))
    assert told(engine)[0] == "info"
    assert "warn" in told(engine)
    assert not raised(engine, RULE, "act")
    signal = raised(engine, RULE, "warn")[0]
    assert signal.evidence["value"] >= signal.evidence["threshold"]
    assert signal.evidence["lowest"] < signal.evidence["level"] < signal.evidence["highest"]


def test_the_advice_names_a_rate_where_one_is_logged():
    points = [
        point
        for i, value in enumerate(swinging(80))
        for point in (metrics(i, loss=value / 2, lr=0.3), evaluation(i, {"val/loss": value}))
    ]
    (signal, *_) = raised(judge(points), RULE, "warn")
    assert "about 0.1 (it is 0.3)" in signal.advice


def test_swings_that_the_training_loss_does_not_share_are_noise_of_the_validation():
    points = [
        point
        for i, value in enumerate(swinging(80))
        for point in (metrics(i, loss=1.0 + 0.01 * (i % 2)), evaluation(i, {"val/loss": value}))
    ]
    engine = judge(points)
    assert set(told(engine)) == {"info"}
    assert "validate on more data" in raised(engine, RULE, "info")[0].advice


def test_an_accuracy_that_swings_counts_where_it_is_the_monitor():
    values = [0.1, *[0.6 if i % 2 else 0.4 for i in range(60)]]
    assert "warn" in told(judged(values, "val/accuracy", mode="max"))


def test_noise_at_a_small_level_is_no_oscillation():
    """0.003 ± 30 % after a fall from 2.5 is a fraction of a thousandth of what was gained."""
    values = [*decreasing(30, start=2.5, floor=0.003, noise=0.0), *swinging(80, level=0.003, start=0.003)]
    assert told(judged(values)) == []


def test_swings_that_shrink_into_new_bests_clear_it():
    values = [*swinging(80), *[0.5 * 0.97**i for i in range(30)]]
    engine = judged(values)
    assert "warn" in told(engine)
    assert RULE not in [signal.id for signal in engine.active]


def test_a_noisy_descent_is_no_oscillation():
    rng = random.Random(5)
    values = [2.5 * 0.97**i * (1 + 0.15 * rng.uniform(-1, 1)) for i in range(120)]
    assert "warn" not in told(judged(values))


def test_a_single_jump_is_no_oscillation():
    values = [1.0] * 100
    values[50] = 30.0
    assert told(judged(values)) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, -1e308, 0.0])
def test_wild_values_never_raise(value: float):
    values = swinging(80)
    values[30::7] = [value] * len(values[30::7])
    judged(values)


@settings(max_examples=15, deadline=None)
@given(exponent=st.integers(-300, 300), seed=st.integers(0, 2**32))
def test_the_scale_of_the_loss_makes_no_difference(exponent: int, seed: int):
    values = swinging(60, seed=seed)
    plain = [(s.severity, s.raised_at, s.cleared_at) for s in judged(values).history if s.id == RULE]
    scaled = judged([2.0**exponent * value for value in values])
    assert [(s.severity, s.raised_at, s.cleared_at) for s in scaled.history if s.id == RULE] == plain


@settings(max_examples=15, deadline=None)
@given(noise=st.floats(0, 0.05), seed=st.integers(0, 2**32))
def test_no_prefix_of_a_healthy_run_is_called_oscillating(noise: float, seed: int):
    assert told(judged(decreasing(120, noise=noise, seed=seed))) == []
