"""One non-finite number is told; many of them end the run."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from guardrun.signals.engine import Engine, EngineSettings
from signal_curves import decreasing, evaluation, judge, judge_losses, metrics, raised


def test_one_nan_loss_warns_and_clears_after_recovery():
    losses = [*decreasing(50), math.nan, *decreasing(50, start=0.2)]
    engine = judge_losses(losses)
    assert [(s.id, s.severity, s.cleared_at is not None) for s in engine.history] == [
        ("nan", "warn", False),
        ("nan", "warn", True),
    ]
    assert engine.active == ()


def test_five_nan_losses_in_a_row_abort_with_the_rate_to_try():
    engine = judge_losses([*decreasing(50), *[math.nan] * 5], lr=0.3)
    (signal,) = raised(engine, "nan")
    assert (signal.action, signal.first_step, signal.raised_at) == ("abort", 51, 55)
    assert signal.evidence["last_finite_step"] == 50
    assert "0.1" in signal.advice
    assert "step 50" in signal.advice


def test_four_in_a_row_do_not_abort():
    assert not raised(judge_losses([*decreasing(50), *[math.inf] * 4, 1.0, *[math.nan] * 4]), "nan")


def test_a_run_whose_first_three_losses_are_nan_is_aborted_at_once():
    (signal,) = raised(judge_losses([math.nan] * 3), "nan")
    assert signal.raised_at == 3
    assert "never" in signal.message


def test_points_without_a_loss_do_not_interrupt_a_row_of_nan():
    points = [metrics(i, loss=1.0) for i in range(10)]
    for i in range(10, 15):
        points += [metrics(i, loss=math.nan), metrics(i, samples_per_s=3.0)]
    assert raised(judge(points), "nan")


def test_skipped_steps_of_mixed_precision_say_nothing():
    """1 to 2 % of steps overflow in healthy fp16 runs: an infinite gradient norm, and the step is skipped."""
    points = [
        metrics(i, loss=1.0, grad_norm=math.inf if i % 60 == 0 else 1.0, loss_scale=65536.0)
        for i in range(600)
    ]
    assert judge(points).history == []


def test_a_loss_scale_that_settles_at_the_start_says_nothing():
    points = [metrics(i, loss=1.0, grad_norm=math.inf if i < 16 else 1.0, loss_scale=1.0) for i in range(50)]
    assert judge(points).history == []


def test_a_third_of_skipped_steps_warns_but_never_stops():
    points = [
        metrics(i, loss=1.0, grad_norm=math.nan if i % 3 == 0 else 1.0, loss_scale=1.0) for i in range(300)
    ]
    engine = judge(points)
    assert raised(engine, "nan", "warn")
    assert not raised(engine, "nan")


def test_validation_that_stays_infinite_for_three_evaluations_warns():
    losses = [1.0, 0.9, math.inf, math.inf, math.inf]
    engine = judge(evaluation(i, {"val/loss": loss}) for i, loss in enumerate(losses))
    (signal,) = raised(engine, "nan", "warn")
    assert signal.evidence["metric"] == "val/loss"
    assert signal.action == "warn"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_two_bad_evaluations_say_nothing(bad: float):
    losses = [1.0, bad, bad, 0.9]
    assert judge(evaluation(i, {"val/loss": loss}) for i, loss in enumerate(losses)).history == []


def test_a_policy_of_observe_only_observes():
    engine = Engine(EngineSettings(policy={"nan": "observe"}))
    for i in range(5):
        engine.feed(metrics(i, loss=math.nan))
    assert [(s.severity, s.action) for s in engine.active] == [("act", "observe")]


def of_rank(point, rank):
    return replace(point, rank=rank)


@pytest.mark.parametrize(
    ("broken", "words", "ranks"),
    [
        ({1: 49}, "Rank 1 was the first, at step 49.", [1]),
        ({2: 51, 3: 51}, "Ranks 0, 2, 3 were the first, at step 51.", [0, 2, 3]),
        ({1: 60}, "Rank 0 was the first, at step 51.", [0]),
    ],
)
def test_of_several_ranks_the_first_whose_loss_was_no_number_is_named(broken, words, ranks):
    engine = judge([])
    for step in range(1, 56):
        for rank in (3, 2, 1, 0):
            bad = step >= broken.get(rank, 99) if rank else step > 50
            engine.feed(of_rank(metrics(step, loss=math.nan if bad else 1.0 / step), rank))
    (signal,) = raised(engine, "nan")
    assert signal.message.endswith(words)
    assert (signal.evidence["first_ranks"], signal.action) == (ranks, "abort")


def test_a_loss_of_another_rank_that_came_back_was_not_the_first():
    engine = judge([])
    for step in range(1, 56):
        for rank in (1, 0):
            bad = step == 20 if rank else step > 50
            engine.feed(of_rank(metrics(step, loss=math.nan if bad else 1.0 / step), rank))
    (signal,) = raised(engine, "nan")
    assert signal.evidence["first_ranks"] == [0]
    assert {each.raised_at for each in engine.history if each.id == "nan"} == {51, 55}
