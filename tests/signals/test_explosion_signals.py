"""A level that stays far above is an explosion; a spike, however high, is not."""

from __future__ import annotations

import random

import pytest

from signal_curves import Judged, decreasing, evaluation, judge, judge_losses, metrics, noisy, raised


def test_an_absurd_learning_rate_in_a_short_run_is_caught_within_a_few_steps():
    engine = judge_losses([2.30, *noisy(500.0, 100)], lr=30.0)
    (signal,) = raised(engine, "loss_explosion")
    assert (signal.action, signal.first_step) == ("abort", 2)
    assert signal.raised_at <= 15
    assert signal.evidence["value"] > signal.evidence["threshold"] > signal.evidence["base"]
    assert "about 10 (it is 30)" in signal.advice


def test_a_burst_that_ends_at_chance_level_is_caught():
    """ReLU networks under an absurd rate explode for a few steps and then sit at ln 10 with dead units."""
    losses = [2.303, 4.5e6, 1.6e5, 5.8e4, 71.0, 3.3, *noisy(2.34, 200, noise=0.02)]
    (signal,) = raised(judge_losses(losses), "loss_explosion")
    assert signal.raised_at <= 110
    assert signal.evidence["peak"] == 4.5e6


def test_a_burst_at_the_start_that_trains_on_is_forgiven():
    losses = [2.303, 4.5e4, 1.6e3, 5.8, *decreasing(400)]
    assert not raised(judge_losses(losses), "loss_explosion")


def test_a_late_explosion_is_caught_and_names_the_step_before_which_to_resume():
    engine = judge_losses([*decreasing(600), *noisy(20.0, 60)], lr=0.03)
    (signal,) = raised(engine, "loss_explosion")
    assert 595 <= signal.first_step <= 601
    assert "0.01" in signal.advice
    assert f"before step {signal.first_step}" in signal.advice


def test_a_level_three_times_higher_needs_fifty_values_to_be_believed():
    """Between trained and untrained level it may still come back: told early, acted upon late."""
    losses = [*decreasing(600, floor=0.1), *noisy(1.2, 60, noise=0.1)]
    engine = judge_losses(losses)
    (warned,) = raised(engine, "loss_explosion", "warn")
    (acted,) = raised(engine, "loss_explosion")
    assert warned.raised_at < 615
    assert 645 < acted.raised_at <= 651


@pytest.mark.parametrize("height", [10.0, 1e3, 1e9, float("inf")])
def test_one_spike_never_acts(height: float):
    losses = decreasing(900)
    losses[300] = losses[600] = losses[601] = height
    assert not raised(judge_losses(losses), "loss_explosion")


def test_a_spike_that_takes_thirty_steps_to_recover_never_acts():
    """BLOOM-176B's loss went from 2.2 to 5.1 and was back after some thirty iterations."""
    losses = decreasing(900, floor=0.5)
    for i in range(30):
        losses[500 + i] += 10 * 0.9**i
    assert not raised(judge_losses(losses), "loss_explosion")


def test_a_tiny_rise_near_zero_is_no_explosion():
    """0.001 -> 0.006 is a ratio of six, and still nothing beside the 2.3 where the run began."""
    losses = [*decreasing(900, floor=0.001, noise=0.05), *noisy(0.006, 200)]
    assert not raised(judge_losses(losses), "loss_explosion")


def test_a_negative_loss_may_fall_and_wobble_but_not_explode():
    rng = random.Random(3)
    healthy = [-100 * (1 - 0.99**i) + rng.gauss(0, 3) for i in range(600)]
    assert not raised(judge_losses(healthy), "loss_explosion")
    assert raised(judge_losses([*healthy, *[400 + rng.gauss(0, 30) for _ in range(60)]]), "loss_explosion")


def test_a_loss_that_starts_at_exactly_zero_and_wobbles_is_no_explosion():
    """Policy-gradient losses begin at 0 and stay around it."""
    rng = random.Random(4)
    losses = [0.0] * 5 + [rng.gauss(0, 0.01) for _ in range(500)]
    assert not raised(judge_losses(losses), "loss_explosion")


def test_batches_of_one_with_wild_losses_are_no_explosion():
    for seed in range(30):
        rng = random.Random(seed)
        losses = [rng.lognormvariate(0, 1) for _ in range(400)]
        assert not raised(judge_losses(losses), "loss_explosion"), seed


def test_a_gradient_norm_ten_times_higher_for_ten_steps_warns_but_never_acts():
    norms = [*noisy(1.0, 100), *noisy(50.0, 40)]
    engine = judge(metrics(i, grad_norm=norm) for i, norm in enumerate(norms))
    (signal,) = raised(engine, "grad_explosion", "warn")
    assert signal.action == "warn"
    assert signal.first_step == 100
    assert not raised(engine, "grad_explosion")


def test_large_but_steady_gradient_norms_are_no_explosion():
    """A healthy fine-tuning run had norms between 4e4 and 4e6 throughout."""
    rng = random.Random(5)
    norms = [rng.lognormvariate(13, 0.7) for _ in range(1000)]
    assert judge(metrics(i, grad_norm=norm) for i, norm in enumerate(norms)).history == []


def test_an_explosion_clears_only_after_recovery_was_held():
    losses = [*decreasing(300), *noisy(50.0, 20), *noisy(0.15, 40, noise=0.1)]
    engine = judge_losses(losses)
    cleared = [s for s in engine.history if s.id == "loss_explosion" and s.cleared_at]
    assert [s.cleared_at for s in cleared] == [330]


def test_a_spike_after_a_resume_is_measured_by_how_the_run_began_not_by_where_it_resumed():
    """A trained loss of 0.001 is no untrained level: a spike to 0.2 from there is not a wrecked model."""
    engine = judge_losses(decreasing(600, floor=0.001, noise=0.02))
    engine.resumed()
    for step, loss in enumerate([*noisy(0.001, 200), 0.2, *noisy(0.0014, 300)], start=600):
        assert [s for s in engine.feed(metrics(step, loss=loss)) if s.severity != "info"] == []


def test_a_burst_after_a_resume_that_wrecks_the_weights_is_still_caught():
    engine = judge_losses(decreasing(600, floor=0.001, noise=0.02))
    engine.resumed()
    for step, loss in enumerate([*noisy(0.001, 200), 4.5e6, *noisy(2.34, 200, noise=0.02)], start=600):
        engine.feed(metrics(step, loss=loss))
    assert raised(engine, "loss_explosion")


def test_a_rising_training_loss_alone_never_acts_while_the_validation_is_better_than_ever():
    """A new loss term, a harder curriculum: the loss is another one, and the model still improves."""
    judged = Judged()
    losses = [*decreasing(400, floor=0.2), *noisy(3.0, 400, noise=0.02)]
    for step, loss in enumerate(losses):
        judged.feed(metrics(step, loss=loss))
        if step % 20 == 19:
            judged.feed(evaluation(step, {"val/accuracy": step / 1000}))
    assert raised(judged, "loss_explosion", "warn")
    assert raised(judged, "loss_explosion") == []


def test_layers_that_start_at_zero_have_hardly_any_gradient_at_first():
    norms = [0.001, 0.004, 0.02, *noisy(0.6, 300)]
    engine = judge(metrics(i, loss=1.0, grad_norm=norm) for i, norm in enumerate(norms))
    assert not [signal for signal in engine.history if signal.id == "grad_explosion"]


def test_norms_that_rise_after_ten_steps_are_a_rise():
    norms = [*noisy(0.6, 10), *noisy(60.0, 30)]
    engine = judge(metrics(i, loss=1.0, grad_norm=norm) for i, norm in enumerate(norms))
    assert len(raised(engine, "grad_explosion", "warn")) == 1
