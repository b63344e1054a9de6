"""A plateau is told, an early and long one warned of; the flat end of a run is no fault."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.engine import EngineSettings
from guardrun.signals.model import Point
from signal_curves import Judged, decreasing, evaluation, judge, metrics, raised

RULE = "stagnation"
LENGTH = 200


def noisy(level: float, count: int, noise: float = 0.0005, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [level * (1 + noise * rng.gauss(0, 1)) for _ in range(count)]


def judged(
    values: Sequence[float],
    others: dict[str, Sequence[float]] | None = None,
    train: Sequence[float] | None = None,
    lr: Sequence[float] | None = None,
    length: int | None = LENGTH,
) -> Judged:
    points: list[Point] = []
    for i, value in enumerate(values):
        if lr is not None:
            points.append(metrics(i, lr=lr[i]))
        if train is not None:
            points.append(metrics(i, loss=train[i]))
        points.append(evaluation(i, {"val/loss": value, **{k: v[i] for k, v in (others or {}).items()}}))
    return judge(points, EngineSettings(total_steps=length))


def told(engine: Judged) -> list[tuple[str, int]]:
    return [(s.severity, s.raised_at) for s in engine.history if s.id == RULE and s.cleared_at is None]


def early_plateau(count: int = 150) -> list[float]:
    """A character model that learns how frequent letters are at once, and then nothing."""
    return [4.4, 3.3, *noisy(3.14, count)]


def test_an_early_plateau_is_told_after_a_fifth_and_warned_of_after_three_tenths_of_the_run():
    engine = judged(early_plateau())
    assert [severity for severity, _ in told(engine)] == ["info", "warn"]
    assert 40 <= told(engine)[0][1] <= 48
    assert 60 <= told(engine)[1][1] <= 68
    (signal,) = raised(engine, RULE, "warn")
    assert signal.action == "warn"
    assert signal.evidence["value"] <= signal.evidence["threshold"]
    assert signal.evidence["flat_share"] >= 0.3


def test_a_late_plateau_is_called_converged_and_never_warned_of():
    engine = judged([*decreasing(120, floor=0.5, noise=0.0), *noisy(0.5, 80)])
    assert {severity for severity, _ in told(engine)} <= {"info"}
    assert "converged" in raised(engine, RULE, "info")[0].message


def test_a_breakthrough_clears_it():
    engine = judged([*early_plateau(80), *[3.1 * 0.97**i for i in range(40)]])
    assert told(engine)
    assert RULE not in [signal.id for signal in engine.active]


def test_a_plateau_of_a_fifth_is_not_warned_of():
    """A character model broke through after 56 of its 200 epochs."""
    engine = judged([*early_plateau(54), *[3.0 * 0.98**i for i in range(100)]])
    assert not raised(engine, RULE, "warn")


def test_another_metric_that_still_gains_means_no_plateau():
    accuracy = [0.1 + 0.004 * i for i in range(152)]
    assert told(judged(early_plateau(), {"val/accuracy": accuracy})) == []


def test_a_training_loss_that_still_falls_is_only_told():
    engine = judged(early_plateau(), train=[3.0 * 0.99**i for i in range(152)])
    assert [severity for severity, _ in told(engine)] == ["info"]


def test_a_learning_rate_that_decays_is_waited_for():
    engine = judged(early_plateau(), lr=[1.0 - i / LENGTH for i in range(152)])
    assert [severity for severity, _ in told(engine)] == ["info"]


def test_a_validation_that_becomes_worse_is_no_plateau():
    assert told(judged([*decreasing(20, floor=0.5), *[0.6 + 0.005 * i for i in range(120)]])) == []


def test_a_slow_but_steady_descent_is_no_plateau():
    assert told(judged([2.0 - 0.001 * i for i in range(200)])) == []


def test_a_run_without_a_known_length_is_told_by_its_evaluations():
    engine = judged(early_plateau(), length=None)
    assert [severity for severity, _ in told(engine)] == ["info", "warn"]
    assert told(engine)[0][1] >= 20


def test_a_handful_of_evaluations_is_too_few():
    assert told(judged([3.0, 1.0, 1.0, 1.0, 1.0, 1.0], length=6)) == []


def test_without_evaluations_medians_of_the_training_loss_tell():
    losses = [*decreasing(500, floor=1.0, noise=0.02), *noisy(1.04, 2500, 0.02)]
    engine = judge((metrics(i, loss=loss) for i, loss in enumerate(losses)), EngineSettings(total_steps=5000))
    assert [severity for severity, _ in told(engine)] == ["info", "warn"]


@settings(max_examples=15, deadline=None)
@given(exponent=st.integers(-300, 300), seed=st.integers(0, 2**32))
def test_the_scale_of_the_loss_makes_no_difference(exponent: int, seed: int):
    values = [4.4, 3.3, *noisy(3.14, 100, seed=seed)]
    assert told(judged([2.0**exponent * value for value in values])) == told(judged(values))


@settings(max_examples=15, deadline=None)
@given(noise=st.floats(0, 0.05), seed=st.integers(0, 2**32), length=st.sampled_from([None, 200]))
def test_no_prefix_of_a_healthy_run_is_warned_of(noise: float, seed: int, length: int | None):
    engine = judged(decreasing(200, noise=noise, seed=seed), length=length)
    assert not raised(engine, RULE, "warn")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats()), max_size=60))
def test_no_numbers_raise(rows: list[tuple[float, float, float]]):
    losses, accuracies, rates = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    judged(losses, {"val/accuracy": accuracies}, lr=rates, length=40)


def test_what_would_change_it_is_better_than_anything_it_has_seen():
    engine = judged(noisy(2.303, 60, noise=0.003))
    signal = raised(engine, RULE, "info")[0]
    limit = float(signal.would_change.removeprefix("val/loss below "))
    assert limit < signal.evidence["best"] < signal.evidence["level"]
