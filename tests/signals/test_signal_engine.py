"""The engine tells changes only, holds back at the start, and survives anything."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.engine import GRACE_POINTS, EngineSettings
from guardrun.signals.model import Point, Signal
from guardrun.signals.policy import DEFAULT_POLICY, decide
from signal_curves import Judged, decreasing, evaluation, judge, judge_losses, metrics

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True, width=64)
NAMES = ("train/loss", "grad_norm", "lr", "loss_scale", "val/loss", "val/accuracy", "val/x")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), ANY_FLOAT, max_size=4), max_size=120))
def test_no_sequence_of_numbers_makes_a_rule_raise(values: list[dict[str, float]]):
    engine = Judged(EngineSettings(monitor="val/x", mode="max"))
    for step, numbers in enumerate(values):
        for signal in engine.feed(Point("metrics", step, None, 0.0, numbers)):
            assert signal.message
            assert signal.evidence


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=10, max_size=150),
    st.sampled_from([2.0**-20, 2.0**-3, 2.0**10, 2.0**30]),
    st.integers(5, 120),
)
def test_the_unit_of_a_loss_does_not_change_the_verdict(losses: list[float], scale: float, at: int):
    """Powers of two scale floats exactly, so that even a comparison at its edge must agree."""
    losses = [*losses, *[1e7] * at]

    def verdicts(factor: float) -> list[tuple[str, str, int, int | None]]:
        points = []
        for i, loss in enumerate(losses):
            points.append(metrics(i, loss=loss * factor, grad_norm=abs(loss) * factor))
            points.append(evaluation(i, {"val/loss": loss * factor}))
        return [(s.id, s.severity, s.raised_at, s.cleared_at) for s in judge(points).history]

    assert verdicts(1.0) == verdicts(scale)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    start=st.floats(0.5, 1e4),
    floor=st.floats(1e-4, 0.9),
    noise=st.floats(0.0, 0.3),
    steps=st.integers(20, 900),
)
def test_healthy_noisy_curves_never_act(seed: int, start: float, floor: float, noise: float, steps: int):
    train = decreasing(steps, start=start, floor=start * floor, noise=noise, seed=seed)
    val = decreasing(steps, start=start, floor=start * floor, noise=noise / 3, seed=seed + 1)
    engine = Judged(EngineSettings())
    for i, (loss, value) in enumerate(zip(train, val, strict=True)):
        engine.feed(metrics(i, loss=loss, grad_norm=abs(loss)))
        if i % 10 == 9:
            engine.feed(evaluation(i, {"val/loss": value}))
    assert [s for s in engine.history if s.severity == "act"] == []


def test_a_signal_that_holds_is_told_once_and_again_when_it_grows_worse():
    engine = Judged(EngineSettings())
    told: list[Signal] = []
    for i in range(40):
        told += engine.feed(metrics(i, loss=1.0 if i < 10 else math.nan))
    assert [(s.severity, s.raised_at) for s in told] == [("warn", 10), ("act", 14)]
    assert [s.severity for s in engine.active] == ["act"]
    assert told == engine.history


def test_a_short_relapse_restarts_the_wait_for_recovery():
    engine = judge_losses([*decreasing(50), math.nan, *[1.0] * 15, math.nan, *[1.0] * 15])
    assert [s.severity for s in engine.active] == ["warn"]
    assert len(engine.history) == 1


def test_nothing_but_nan_is_judged_during_the_first_points():
    engine = Judged(EngineSettings())
    for i in range(GRACE_POINTS):
        assert engine.feed(metrics(i, loss=10.0**i)) == []


def test_after_a_resume_old_evidence_is_gone_and_active_signals_clear():
    engine = judge_losses([*decreasing(50), *[math.nan] * 6])
    (cleared,) = engine.resumed()
    assert (cleared.id, cleared.cleared_at) == ("nan", 56)
    assert engine.active == ()
    # The level after the resume is ten times that before; it is a new beginning, not an explosion.
    for i in range(50, 150):
        assert engine.feed(metrics(i, loss=3.0)) == []
    assert engine.resumed() == []


def test_a_rule_switched_off_is_silent():
    engine = Judged(EngineSettings(policy={"nan": "off"}))
    for i in range(10):
        assert engine.feed(metrics(i, loss=math.nan)) == []


def test_only_severity_act_stops_and_the_policy_has_the_last_word():
    assert decide("nan", "info", {}) == "observe"
    assert decide("nan", "warn", {}) == "warn"
    assert decide("nan", "act", {}) == "abort"
    assert decide("overfit", "act", {"overfit": "warn"}) == "warn"
    assert decide("nan", "warn", {"nan": "observe"}) == "observe"
    assert decide("not_known", "act", {}) == "warn"
    assert DEFAULT_POLICY["overfit"] == "stop"


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="upwards"):
        EngineSettings(mode="upwards")
