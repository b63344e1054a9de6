"""A level that is lost warns; a single spike or a jump of the validation is only told."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.engine import EngineSettings
from guardrun.signals.level import Level
from signal_curves import Judged, decreasing, evaluation, judge, judge_losses, metrics, noisy, raised


def evaluated(train: list[float], val: list[float]) -> Judged:
    """One evaluation an epoch, the training loss measured in evaluation mode."""
    judged = Judged()
    for epoch, (loss, value) in enumerate(zip(train, val, strict=True)):
        judged.feed(evaluation(epoch, {"train/loss": loss, "val/loss": value}))
    return judged


def test_a_loss_that_falls_back_to_a_worse_level_and_stays_is_a_collapse():
    """From 1.4 to 2.6 while the untrained loss was 4.4: no rule of ratios sees it."""
    losses = [*decreasing(400, start=4.4, floor=1.4, noise=0.03), *noisy(2.6, 300, noise=0.03)]
    (signal,) = raised(judge_losses(losses), "collapse", "warn")
    assert (signal.severity, signal.action) == ("warn", "warn")
    assert signal.evidence["best"] < 1.6 < signal.evidence["threshold"] < signal.evidence["value"]
    assert 500 <= signal.raised_at <= 530


def test_a_collapse_clears_when_the_level_is_back():
    losses = [*decreasing(400, floor=0.5), *noisy(1.6, 200, noise=0.05), *noisy(0.5, 200, noise=0.05)]
    judged = judge_losses(losses)
    assert [s.cleared_at is not None for s in judged.history if s.id == "collapse"] == [False, True]
    assert [s for s in judged.active if s.severity != "info"] == []


@pytest.mark.parametrize("length", [1, 5, 30])
def test_a_level_that_is_worse_for_a_while_and_returns_is_no_collapse(length: int):
    losses = [*decreasing(400, floor=0.5), *noisy(1.4, length, noise=0.05), *noisy(0.5, 300, noise=0.05)]
    assert raised(judge_losses(losses), "collapse", "warn") == []


def test_a_collapse_of_both_evaluated_losses_is_seen_in_ten_evaluations():
    curve = [*decreasing(40, start=4.4, floor=1.4, noise=0.01), *noisy(2.6, 30, noise=0.02)]
    (signal,) = raised(evaluated(curve, curve), "collapse", "warn")
    assert 49 <= signal.raised_at <= 54


def test_a_validation_loss_alone_that_rises_while_the_training_improves_is_no_collapse():
    train = decreasing(80, floor=0.01, noise=0.01)
    val = [*decreasing(40, start=2.3, floor=1.0, noise=0.01), *noisy(2.0, 40, noise=0.02)]
    assert raised(evaluated(train, val), "collapse", "warn") == []


def test_without_any_training_loss_the_validation_loss_tells_of_a_collapse():
    values = [*decreasing(40, start=4.4, floor=1.4, noise=0.01), *noisy(2.6, 30, noise=0.02)]
    judged = judge(evaluation(i, {"val/loss": value}) for i, value in enumerate(values))
    assert raised(judged, "collapse", "warn")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=300),
    st.sampled_from([2.0**-12, 2.0**9]),
    st.integers(1, 30),
)
def test_levels_do_not_depend_on_the_unit(values: list[float], scale: float, stretch: int):
    ours, theirs = Level(stretch), Level(stretch)
    for step, value in enumerate(values):
        ours.take(step, value)
        theirs.take(step, value * scale)
    assert (ours.above, ours.best_step) == (theirs.above, theirs.best_step)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), steps=st.integers(10, 900), noise=st.floats(0, 0.4))
def test_a_healthy_run_never_collapses(seed: int, steps: int, noise: float):
    judged = judge_losses(decreasing(steps, noise=noise, seed=seed))
    assert raised(judged, "collapse", "warn") == []


def test_a_spike_is_told_as_information_and_cleared_when_it_is_over():
    losses = [*decreasing(300, floor=0.5, noise=0.05), 3.0, 2.5, *noisy(0.5, 100, noise=0.05)]
    judged = judge_losses(losses)
    spikes = [s for s in judged.history if s.id == "loss_spike"]
    assert [(s.severity, s.action) for s in spikes] == [("info", "observe")] * 2
    assert spikes[0].first_step == 301
    assert spikes[1].cleared_at == 312
    assert [s for s in judged.history if s.severity != "info"] == []


def test_a_loss_near_zero_that_jumps_by_little_of_what_was_gained_is_no_spike():
    losses = [*decreasing(600, start=2.3, floor=0.003, noise=0.05), 0.04, *noisy(0.003, 50, noise=0.05)]
    assert judge_losses(losses).history == []


def test_a_validation_jump_is_information_and_ends_when_the_loss_is_back():
    values = [*decreasing(30, floor=0.5, noise=0.01), 1.4, 1.3, 0.55, 0.54, 0.53]
    judged = judge(
        point
        for i, value in enumerate(values)
        for point in (metrics(i, loss=1 / (1 + i)), evaluation(i, {"val/loss": value}))
    )
    jumps = [s for s in judged.history if s.id == "val_jump"]
    assert [(s.severity, s.first_step, s.cleared_at) for s in jumps] == [("info", 30, None), ("info", 30, 33)]
    assert [s for s in judged.history if s.severity != "info"] == []


def test_noisy_validation_does_not_jump():
    rng = random.Random(3)
    values = [1 + 0.4 * rng.random() for _ in range(300)]
    judged = judge(evaluation(i, {"val/loss": value}) for i, value in enumerate(values))
    assert [s for s in judged.history if s.id == "val_jump"] == []


def test_a_monitored_loss_of_another_name_is_watched_for_jumps():
    settings_ = EngineSettings(monitor="val/my_loss")
    values = [*decreasing(30, floor=0.5, noise=0.01), 1.4]
    judged = judge((evaluation(i, {"val/my_loss": v}) for i, v in enumerate(values)), settings_)
    assert [s.evidence["metric"] for s in judged.active if s.id == "val_jump"] == ["val/my_loss"]


def test_values_that_are_not_numbers_move_no_level():
    level = Level(2)
    for step, value in enumerate([1.0, math.nan, 1.0, math.inf, -math.inf, 1.0, 1.0]):
        level.take(step, value)
    assert (level.best, level.above) == (1.0, 0)


@pytest.mark.parametrize("monitor", ["val/fid", "val/loss"])
def test_a_training_loss_that_rises_while_the_monitor_is_at_its_best_is_only_told(monitor: str):
    """A generator's loss rises as its discriminator learns; what counts is the quality of its images."""
    judged = Judged(EngineSettings(monitor=monitor))
    rng = random.Random(0)
    for step in range(4000):
        judged.feed(metrics(step, loss=0.7 + 2 * step / 4000 + 0.1 * rng.gauss(0, 1)))
        if step % 100 == 99:
            judged.feed(evaluation(step, {monitor: 20 + 250 * math.exp(-step / 1500)}))
    assert raised(judged, "collapse", "info")
    assert not raised(judged, "collapse", "warn")
