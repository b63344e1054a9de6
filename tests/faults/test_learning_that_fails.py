"""Trainings that learn nothing or no more, each for a reason of its own that is checked in the weights."""

from __future__ import annotations

import math

import pytest

pytestmark = pytest.mark.torch


def test_a_sound_training_of_the_same_script_raises_no_alarm(start) -> None:
    """The sibling of every fault below, in both precisions: 1 or 2 skipped steps are part of one of them."""
    trainings = [start("params.epochs=8", f"params.precision={one}") for one in ("single", "half")]

    for trained in [training.ended() for training in trainings]:
        assert trained.code == 0, trained.said
        assert trained.alarms() == set()
        assert trained.shown["monitor"]["best"] < 0.4


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("overrides", "still"),
    [
        pytest.param(["params.lr=0"], ("body.0.weight", "head.weight"), id="a learning rate of 0"),
        pytest.param(["params.bias=-100"], ("body.0.weight", "body.2.weight"), id="dead units"),
        pytest.param(
            ["params.layers=12", "params.activation=sigmoid"], ("body.0.weight",), id="gradients that fade"
        ),
    ],
)
def test_a_training_that_learns_nothing_is_told_by_half_of_it_and_never_stopped(
    train, overrides: list[str], still: tuple[str, ...]
) -> None:
    trained = train("params.epochs=16", *overrides)

    assert trained.code == 0, trained.said
    best, last = trained.weights("best"), trained.weights("last")
    assert trained.shown["checkpoints"]["best"]["step"] < trained.shown["checkpoints"]["last"]["step"]
    assert all((best[name] == last[name]).all() for name in still)
    signal = trained.raised("no_learning")[0]
    assert (signal["severity"], signal["action"]) == ("warn", "warn")
    assert signal["raised_at"] <= 0.5 * trained.shown["total_steps"]
    assert signal["advice"]
    assert "no_learning" in trained.said
    assert trained.shown["status"] == "finished"


def test_saturated_outputs_leave_no_gradient_and_are_told(train) -> None:
    """Ten sigmoids under a rate of 30 are at 0 after some steps, where a squared error has no slope."""
    trained = train("params.head=sigmoid", "params.lr=30", "params.epochs=6")

    rows = trained.rows()
    assert rows[0]["grad_norm"] > 1e-3
    assert all(row["grad_norm"] < 1e-7 for row in rows[-100:])
    signals = trained.raised("vanishing_gradient")
    assert signals[0]["severity"] == "warn"
    assert signals[0]["raised_at"] <= 150
    assert "grad" in signals[0]["message"]
    assert trained.code == 0


def test_an_epsilon_that_float16_rounds_to_0_stops_learning_behind_a_sound_loss(start) -> None:
    """The scaler skips every step. In single precision the same formula trains, and nothing is said."""
    trainings = [
        start("params.fault=tiny_epsilon", "params.epochs=7", f"params.precision={one}")
        for one in ("half", "single")
    ]
    half, single = (training.ended() for training in trainings)

    rows = half.rows()
    assert all(math.isfinite(row["train/loss"]) for row in rows)
    assert rows[-1]["loss_scale"] < 1e-6 < 1 < rows[90]["loss_scale"]
    early = half.raised("loss_scale")[0]
    assert early["severity"] == "warn"
    assert 100 <= early["raised_at"] <= 200
    assert "skipped" in early["message"] or "loss scale" in early["message"]
    assert half.code == 0
    assert single.raised("loss_scale") == []
    assert single.alarms() == set()
    assert single.shown["monitor"]["best"] < half.shown["monitor"]["last"]


def test_images_of_16_bits_overflow_half_precision_and_are_aborted_at_once(train) -> None:
    trained = train("params.precision=half", "params.pixels=65535", "params.epochs=60")

    assert trained.code == 3, trained.said
    assert trained.shown["reason"] == "abort:nan"
    (signal,) = [each for each in trained.raised("nan") if each["severity"] == "act"]
    assert signal["raised_at"] <= 10
    assert "never a number" in signal["message"]
    assert "precision" in signal["advice"]
