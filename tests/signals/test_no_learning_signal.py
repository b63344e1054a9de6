"""Runs that learn nothing, by what they log: and those that only look like it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.engine import EngineSettings
from guardrun.signals.model import Point
from signal_curves import Judged, decreasing, evaluation, judge, metrics, raised

RULE = "no_learning"
LENGTH = 100


def noisy(level: float, count: int, noise: float = 0.002, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [level * (1 + noise * rng.gauss(0, 1)) for _ in range(count)]


def judged(
    values: Sequence[float],
    others: dict[str, Sequence[float]] | None = None,
    train: Sequence[float] | None = None,
    length: int | None = LENGTH,
) -> Judged:
    """One evaluation a step, of a run that is ``length`` steps long."""
    points: list[Point] = []
    for i, value in enumerate(values):
        if train is not None:
            points.append(metrics(i, loss=train[i]))
        points.append(evaluation(i, {"val/loss": value, **{k: v[i] for k, v in (others or {}).items()}}))
    return judge(points, EngineSettings(total_steps=length))


def told(engine: Judged) -> list[int]:
    """The steps at which it warned."""
    assert not [s for s in engine.history if s.id == RULE and s.severity != "warn"]
    return [signal.raised_at for signal in raised(engine, RULE, "warn")]


def test_a_loss_that_stays_where_it_began_warns_at_three_tenths_of_the_run():
    engine = judged(noisy(6.908, 60))
    assert told(engine) == [30]
    (signal,) = raised(engine, RULE, "warn")
    assert signal.action == "warn"
    assert signal.would_change == f"val/loss below {0.99 * signal.evidence['began']:.4g}"


def test_a_constant_loss_of_a_run_without_a_known_length_warns_after_fifteen_evaluations():
    assert told(judged([47.49] * 20, length=None)) == [14]


def test_a_loss_of_guessing_beside_an_accuracy_of_guessing_warns_although_the_loss_fell():
    """A decaying penalty on the weights made it fall from 3.59 to ln 10; nothing was learnt."""
    losses = [max(math.log(10), 3.59 * 0.9**i) for i in range(60)]
    engine = judged(losses, {"val/accuracy": noisy(0.1, 60, 0.01)}, losses)
    assert told(engine) == [30]
    (signal,) = raised(engine, RULE, "warn")
    assert "guessing among 10 classes gives 2.303" in signal.message


def test_a_loss_that_never_beats_ln_two_warns():
    losses = [0.9, 0.7, 0.71, *noisy(0.695, 40, 0.002)]
    assert told(judged([max(loss, 0.6931) for loss in losses], length=None))


def test_a_loss_that_falls_slowly_through_ln_two_is_given_time():
    """A real run came from 0.702 to 0.659 over two hundred evaluations."""
    assert told(judged([0.7016 - 0.0005 * i for i in range(100)], length=None)) == []


def test_an_accuracy_no_better_than_at_first_warns_although_the_loss_fell():
    """One answer to everything has the accuracy of the largest class."""
    losses = [2.77, *noisy(2.25, 60, 0.01)]
    assert told(judged(losses, {"val/accuracy": [0.1955, *[0.1959] * 60]})) == [30]


@pytest.mark.parametrize("percent", [1.0, 100.0])
def test_an_accuracy_that_rises_is_learning(percent: float):
    accuracy = [percent * (0.1 + 0.005 * i) for i in range(60)]
    assert told(judged(noisy(2.3, 60), {"val/accuracy": accuracy})) == []


def test_another_metric_that_improves_is_learning():
    assert told(judged(noisy(2.3, 60), {"val/wer": [1.0 - 0.01 * i for i in range(60)]})) == []


def test_a_training_loss_that_falls_is_learning():
    """A fine-tuned model is as good as it gets at its first evaluation."""
    assert told(judged(noisy(0.5, 60), train=decreasing(60))) == []


def test_training_losses_that_are_noise_are_no_learning():
    assert told(judged([47.49] * 60, train=noisy(50.0, 60, 0.4))) == [30]


def test_a_late_bloomer_is_told_and_cleared_when_it_blooms():
    values = [*noisy(4.4, 50), *[4.4 * 0.97**i for i in range(50)]]
    engine = judged(values)
    assert told(engine) == [30]
    assert [s.action for s in raised(engine, RULE, "warn")] == ["warn"]
    assert RULE not in [signal.id for signal in engine.active]


def test_a_flat_end_after_learning_is_not_its_business():
    assert told(judged([*decreasing(30, floor=0.5), *[0.5] * 200])) == []


def test_it_waits_while_the_learning_rate_rises():
    points = []
    for i in range(60):
        points.append(metrics(i, loss=2.3, lr=min(1.0, 0.025 * (i + 1))))
        points.append(evaluation(i, {"val/loss": 2.3}))
    engine = judge(points, EngineSettings(total_steps=LENGTH))
    assert told(engine) == [40]
    assert "learning rates of 0.1 and 10 (it is 1)" in raised(engine, RULE, "warn")[0].advice


def test_without_evaluations_medians_of_the_training_loss_tell():
    losses = noisy(2.3, 3000, 0.02)
    engine = judge((metrics(i, loss=loss) for i, loss in enumerate(losses)), EngineSettings(total_steps=5000))
    assert told(engine) == [1549]
    assert told(judge(metrics(i, loss=loss) for i, loss in enumerate(losses))) == [1999]


def test_policy_gradient_losses_around_zero_are_not_judged():
    rng = random.Random(2)
    points = [metrics(i, loss=rng.gauss(0, 0.1)) for i in range(4000)]
    assert told(judge(points, EngineSettings(total_steps=5000))) == []


def test_a_resumed_run_is_judged_by_what_it_does_from_there():
    engine = judged(decreasing(20, floor=0.5))
    engine.resumed()
    for i in range(20, 30):
        engine.feed(evaluation(i, {"val/loss": 0.5 - 0.01 * (i - 20)}))
    assert told(engine) == []


@settings(max_examples=20, deadline=None)
@given(exponent=st.integers(-300, 300), seed=st.integers(0, 2**32))
def test_the_scale_of_the_loss_makes_no_difference(exponent: int, seed: int):
    """Losses away from ln 2, which is a scale of its own."""
    scale = 2.0**exponent
    values = [scale * value for value in noisy(1.3, 60, seed=seed)]
    apart = [value for value in values if 0.6 < value < 0.8]
    assert apart or told(judged(values)) == [30]


@settings(max_examples=20, deadline=None)
@given(noise=st.floats(0, 0.1), seed=st.integers(0, 2**32), length=st.sampled_from([None, 120]))
def test_no_prefix_of_a_healthy_run_is_said_to_learn_nothing(noise: float, seed: int, length: int | None):
    assert told(judged(decreasing(120, noise=noise, seed=seed), length=length)) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats()), max_size=40))
def test_no_numbers_raise(rows: list[tuple[float, float, float]]):
    losses, accuracies, train = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    judged(losses, {"val/accuracy": accuracies}, train, length=40)


@pytest.mark.parametrize("accuracy", [False, True])
def test_learning_all_at_once_clears_it(accuracy: bool):
    late = [2.303] * 25 + [1.15] * 25
    others = {"val/accuracy": [0.1] * 25 + [0.5] * 25} if accuracy else None
    engine = judged(late, others, length=50)
    assert told(engine) == [15]
    assert RULE not in [signal.id for signal in engine.active]
    assert [s.cleared_at for s in engine.history if s.id == RULE and s.cleared_at is not None] == [28]


def test_a_training_loss_that_falls_at_once_clears_it():
    levels = noisy(2.303, 5000) + noisy(1.15, 5000)
    engine = judge(
        (metrics(i, loss=level) for i, level in enumerate(levels)), EngineSettings(total_steps=10_000)
    )
    assert len(told(engine)) == 1
    assert RULE not in [signal.id for signal in engine.active]


@pytest.mark.parametrize("begun", [False, True])
def test_a_resume_at_a_trained_level_is_no_beginning(begun: bool):
    """A run that had learnt, taken up half-way: by this judge, or by one that knows only what comes."""
    engine = Judged(EngineSettings(total_steps=LENGTH))
    for i in range(50) if begun else ():
        engine.feed(evaluation(i, {"val/loss": 0.5 + 2 * math.exp(-i / 8)}))
    engine.resumed()
    for i, value in enumerate(noisy(0.5, 50), start=50):
        engine.feed(evaluation(i, {"val/loss": value}))
    assert told(engine) == []


def test_a_run_that_has_learnt_nothing_is_told_of_after_its_resume_as_well():
    engine = Judged(EngineSettings(total_steps=LENGTH))
    for i, value in enumerate(noisy(6.908, 80)):
        if i == 25:
            engine.resumed()
        engine.feed(evaluation(i, {"val/loss": value}))
    assert told(engine) == [30]


def test_a_loss_that_begins_at_zero_is_judged_alike_in_any_unit():
    losses = [0.0, -1.0, *[0.0] * 8, *[1e7] * 10]
    assert told(judged(losses, length=None)) == told(judged([2.0**-20 * x for x in losses], length=None))
