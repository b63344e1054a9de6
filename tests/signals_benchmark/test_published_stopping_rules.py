"""The baselines stop where their published definitions say, on cases worked out by hand."""

from __future__ import annotations

import math

import pytest
from benchmarks.signal_judging.baselines import (
    early_stopping,
    first_spike,
    generalisation_loss,
    progress_quotient,
    sagemaker_overfit,
    spike,
    successive_rises,
)
from benchmarks.signal_judging.drift_rules import SIMPLE_RULES, robust_rise, smooth_drift
from hypothesis import given
from hypothesis import strategies as st

NAN = math.nan
FLAT = [1.0] * 100
losses = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60)
pairs = st.lists(st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 1e4)), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("patience", "val", "stops_at"),
    [
        (1, [3.0, 2.0, 2.5, 1.0], 2),
        (1, [3.0, 3.0], 1),
        (2, [3.0, 2.0, 2.5, 2.1, 1.0], 3),
        (2, [3.0, 2.0, 2.5, 1.9, 2.0], None),
        (3, [1.0, 1.1, NAN, NAN], 3),
        (1, [NAN], None),
    ],
)
def test_early_stopping_counts_evaluations_without_a_new_best(
    patience: int, val: list[float], stops_at: int | None
) -> None:
    assert early_stopping(patience)(FLAT[: len(val)], val) == stops_at


def test_generalisation_loss_is_the_rise_over_the_lowest_in_percent() -> None:
    stop = generalisation_loss(5)

    assert stop(FLAT[:4], [2.0, 1.0, 1.04, 1.06]) == 3
    assert stop(FLAT[:3], [1.0, NAN, 1.04]) is None
    assert stop(FLAT[:2], [-1.0, -0.5]) is None


def test_progress_quotient_is_judged_at_the_end_of_a_strip_only() -> None:
    """GL = 10; train 1.0 falls to 0.98 in the strip: P = 1000 * (0.99 / 0.98 - 1) = 10.2; PQ = 0.98."""
    train = [1.0, 0.995, 0.99, 0.985, 0.98]
    val = [1.0, 1.2, 1.2, 1.2, 1.1]

    assert progress_quotient(0.75)(train, val) == 4
    assert progress_quotient(0.99)(train, val) is None
    assert progress_quotient(0.75)(train[:4], val[:4]) is None


def test_progress_quotient_stops_when_training_stands_still_and_validation_is_above_its_lowest() -> None:
    assert progress_quotient(0.75)([1.0] * 5, [1.0, 1.0, 1.0, 1.0, 1.01]) == 4
    assert progress_quotient(0.75)([1.0] * 5, [1.0] * 5) is None


def test_successive_rises_compare_the_ends_of_strips() -> None:
    val = [9.0] * 20
    val[4], val[9], val[14], val[19] = 1.0, 2.0, 3.0, 4.0

    assert successive_rises(3)(val, val) == 19
    assert successive_rises(3)(val[:19], val[:19]) is None
    val[14] = 1.5
    assert successive_rises(3)(val, val) is None


def test_sagemaker_overfit_fires_on_the_first_gap_above_a_tenth() -> None:
    assert sagemaker_overfit()([1.0, 1.0, 1.0], [1.05, 1.11, 0.9]) == 1
    assert sagemaker_overfit(patience=2)([1.0, 1.0, 1.0], [1.2, 1.0, 1.2]) is None
    assert sagemaker_overfit()([0.0, NAN], [1.0, 1.0]) is None


def test_a_spike_is_twice_the_mean_of_at_least_five_values_before_it() -> None:
    assert first_spike([1.0, 1.0, 1.0, 1.0, 2.5, 2.5]) is None
    assert first_spike([1.0] * 5 + [1.99, 2.4]) == 6
    assert first_spike([1.0] * 5 + [NAN, 2.0]) == 6
    assert first_spike([-1.0] * 5 + [5.0]) is None
    assert spike(2.0)([1.0] * 5 + [2.0], [0.0] * 6) == 5


@given(losses, st.integers(1, 20))
def test_more_patience_never_stops_sooner(val: list[float], patience: int) -> None:
    sooner = early_stopping(patience)(val, val)
    later = early_stopping(patience + 1)(val, val)

    assert later is None or (sooner is not None and sooner < later)


@given(pairs)
def test_a_baseline_decides_from_what_it_has_seen(curve: list[tuple[float, float]]) -> None:
    """Live: the same evaluations without those after the stop give the same stop."""
    train, val = [pair[0] for pair in curve], [pair[1] for pair in curve]
    for name, rule in SIMPLE_RULES.items():
        at = rule(train, val)
        if at is not None:
            assert rule(train[: at + 1], val[: at + 1]) == at, name
            assert rule(train[:at], val[:at]) is None, name


@given(pairs, st.sampled_from([0.125, 4.0, 1024.0]))
def test_baselines_know_no_absolute_scale(curve: list[tuple[float, float]], scale: float) -> None:
    train, val = [pair[0] for pair in curve], [pair[1] for pair in curve]
    for name, rule in SIMPLE_RULES.items():
        assert rule([scale * x for x in train], [scale * x for x in val]) == rule(train, val), name


def test_a_robust_rise_needs_age_level_and_a_training_loss_that_falls() -> None:
    """Best at evaluation 0; median of six is 1.2 from evaluation 3 on; the best is 8 old at evaluation 8."""
    val = [1.0, *[1.2] * 11]
    train = [1.0 * 0.9**i for i in range(12)]

    assert robust_rise(0.10, 3)(train, val) == 10
    assert robust_rise(0.25, 3)(train, val) is None
    assert robust_rise(0.10, 3)(FLAT[:12], val) is None


def test_a_smooth_drift_has_no_jump() -> None:
    train = [1.0 * 0.9**i for i in range(16)]
    drift = [1.0 + 0.02 * i for i in range(16)]
    jump = [1.0, *[1.0 + 0.15 + 0.01 * i for i in range(15)]]

    assert smooth_drift(0.10)(train, drift) == 10
    assert smooth_drift(0.10)(train, jump) is None
    assert smooth_drift(0.10)(FLAT[:16], drift) is None
