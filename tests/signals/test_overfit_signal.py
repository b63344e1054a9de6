"""A slow drift of validation while training improves is overfitting; jumps and noise are not."""

from __future__ import annotations

import random

from signal_curves import decreasing, judge_epochs, raised

EPOCHS = 60


def overfitting(noise: float = 0.005, seed: int = 0) -> tuple[list[float], list[float]]:
    """Training falls throughout; validation turns at epoch 15 and drifts up by 60 %."""
    rng = random.Random(seed)
    train = decreasing(EPOCHS, floor=0.01, noise=0.01)
    val = [
        0.5 + 0.02 * max(15 - i, 0) + 0.007 * max(i - 15, 0) + noise * rng.gauss(0, 1) for i in range(EPOCHS)
    ]
    return train, val


def test_a_drift_of_validation_stops_the_run_and_names_the_best_checkpoint():
    train, val = overfitting()
    (signal,) = raised(judge_epochs(train, val), "overfit")
    best_step = val.index(min(val)) + 1
    assert (signal.action, signal.first_step) == ("stop", best_step)
    assert f"checkpoint of step {best_step}" in signal.advice
    assert signal.evidence["trend_z"] > 2.33
    assert signal.evidence["train"] < signal.evidence["train_at_best"]
    assert signal.raised_at - best_step >= 8


def test_the_same_drift_is_no_overfitting_when_training_gets_worse_too():
    train, val = overfitting()
    train = [*train[:16], *(train[15] + 0.02 * i for i in range(1, EPOCHS - 15))]
    assert not raised(judge_epochs(train, val), "overfit")


def test_without_a_training_loss_nothing_is_claimed():
    _, val = overfitting()
    assert not raised(judge_epochs([float("nan")] * EPOCHS, val), "overfit")


def test_a_sudden_jump_of_validation_is_no_overfitting():
    train = decreasing(EPOCHS, floor=0.01, noise=0.01)
    val = decreasing(EPOCHS, floor=0.4, noise=0.005)
    val = [*val[:30], *(v * 1.4 + 0.002 * i for i, v in enumerate(val[30:]))]
    assert not raised(judge_epochs(train, val), "overfit")


def test_a_drift_in_a_noisy_validation_is_seen_later_but_is_seen():
    """Single evaluations jump by far more than 10 %; only the trend of half the run tells."""
    rng = random.Random(6)
    train = decreasing(200, floor=0.001, noise=0.02)
    val = [0.3 + 0.01 * max(30 - i, 0) + 0.002 * max(i - 30, 0) + 0.03 * rng.gauss(0, 1) for i in range(200)]
    signal = raised(judge_epochs(train, val), "overfit")[0]
    assert 50 <= signal.raised_at <= 150


def test_a_flat_and_noisy_validation_is_no_overfitting():
    rng = random.Random(2)
    train = decreasing(200, floor=0.001, noise=0.02)
    val = [0.3 + 0.4 * 0.9**i + 0.02 * rng.gauss(0, 1) for i in range(200)]
    assert not raised(judge_epochs(train, val), "overfit")


def test_tiny_losses_drift_in_units_of_their_noise():
    """At 3e-4 a rise of a third may be noise: ten per cent alone was wrong there on real runs."""
    rng = random.Random(3)
    train = decreasing(EPOCHS, floor=1e-5, noise=0.02)
    val = [3e-4 + 1e-3 * 0.7**i + 1e-4 * abs(rng.gauss(0, 1)) for i in range(EPOCHS)]
    assert not raised(judge_epochs(train, val), "overfit")


def test_loss_up_while_accuracy_still_rises_only_warns():
    train, val = overfitting()
    accuracy = [0.5 + 0.005 * i for i in range(EPOCHS)]
    engine = judge_epochs(train, val, {"val/accuracy": accuracy})
    assert not raised(engine, "overfit")
    (signal,) = raised(engine, "overfit", "warn")
    assert "val/accuracy improves" in signal.message
    assert signal.evidence["improved"] == "val/accuracy"


def test_an_accuracy_that_peaked_with_the_loss_does_not_save_the_run():
    train, val = overfitting()
    accuracy = [min(0.8, 0.5 + 0.02 * i) - 0.001 * max(i - 15, 0) for i in range(EPOCHS)]
    assert raised(judge_epochs(train, val, {"val/accuracy": accuracy}), "overfit")


def test_an_error_rate_improves_when_it_falls():
    train, val = overfitting()
    falling = [0.5 - 0.005 * i for i in range(EPOCHS)]
    rising = [0.2 + 0.005 * i for i in range(EPOCHS)]
    assert not raised(judge_epochs(train, val, {"val/wer": falling}), "overfit")
    assert raised(judge_epochs(train, val, {"val/wer": rising}), "overfit")


def test_a_declared_monitor_counts_in_its_declared_direction_whatever_its_name():
    train, val = overfitting()
    rising = [0.5 + 0.005 * i for i in range(EPOCHS)]
    engine = judge_epochs(train, val, {"val/zeta": rising}, monitor="val/zeta", mode="max")
    assert not raised(engine, "overfit")
    assert raised(judge_epochs(train, val, {"val/zeta": rising}), "overfit")


def test_a_new_best_clears_overfitting():
    train, val = overfitting()
    train += [0.005] * 6
    engine = judge_epochs(train, [*val, *[0.3] * 6])
    assert raised(engine, "overfit")
    assert engine.active == ()
    assert engine.history[-1].cleared_at is not None


def test_a_drift_of_a_thousand_evaluations_costs_bounded_memory_and_is_still_seen():
    train = decreasing(1500, floor=0.001, noise=0.01)
    val = [0.5 + 0.0008 * max(i - 100, 0) + 0.001 * max(100 - i, 0) for i in range(1500)]
    (signal,) = raised(judge_epochs(train, val), "overfit")
    assert signal.evidence["best_step"] == 101
