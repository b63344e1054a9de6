"""The user's patience, counted exactly as the training library counts it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.recording.early_stopping import EarlyStopping
from guardrun.signals.context import Context
from guardrun.signals.engine import EngineSettings
from guardrun.signals.rules.patience import Patience
from signal_curves import evaluation, judge, raised

VALUES = st.one_of(
    st.floats(),
    st.integers(-3, 3).map(float),
    st.sampled_from([0.0, -0.0, 0.1, 0.2, 0.30000000000000004, 1e308, -1e308, math.nan, math.inf, -math.inf]),
)


def settings(**more: object) -> EngineSettings:
    return EngineSettings(**{"monitor": "val/loss", **more})


@given(
    values=st.lists(VALUES, max_size=40),
    mode=st.sampled_from(["min", "max"]),
    patience=st.one_of(st.none(), st.integers(1, 6)),
    min_delta=st.one_of(st.just(0.0), st.floats(0, 2)),
)
def test_the_signal_and_the_library_agree_after_every_evaluation(values, mode, patience, min_delta):
    library = EarlyStopping(mode, patience, min_delta)
    rule = Patience(Context(settings(mode=mode, patience=patience, min_delta=min_delta)))
    for step, value in enumerate(values):
        rule.update(evaluation(step, {"val/loss": value}))
        judged = library.judge(value)
        finding = rule.finding()
        assert (finding is not None) == judged.stop
        if finding is not None:
            assert finding.evidence["evaluations_without_improvement"] == judged.waited
            assert finding.evidence["best"] == library.best


@given(
    values=st.lists(VALUES, min_size=2, max_size=30),
    again=st.lists(VALUES, min_size=1, max_size=10),
    cut=st.integers(0, 29),
)
def test_a_resume_goes_on_from_the_count_of_its_checkpoint(values, again, cut):
    """The library loads the count from the checkpoint; the signal knows it by the steps."""
    cut = min(cut, len(values))
    library = EarlyStopping("min", 3, 0.01)
    for value in values[:cut]:
        library.judge(value)
    rule = Patience(Context(settings(patience=3, min_delta=0.01)))
    for step, value in enumerate(values):
        rule.update(evaluation(step, {"val/loss": value}))
    rule.reset()
    for step, value in enumerate(again, start=cut):
        rule.update(evaluation(step, {"val/loss": value}))
        assert (rule.finding() is not None) == library.judge(value).stop


def test_it_stops_a_run_and_says_which_checkpoint_to_keep():
    values = [1.0, 0.5, 0.6, 0.55, 0.52]
    engine = judge((evaluation(10 * i, {"val/loss": v}) for i, v in enumerate(values)), settings(patience=3))
    (signal,) = raised(engine, "patience")
    assert (signal.action, signal.raised_at, signal.first_step) == ("stop", 40, 10)
    assert "keep the checkpoint of step 10" in signal.advice
    assert signal.would_change == "val/loss below 0.5 at the next evaluation"


def test_it_is_heard_from_the_first_evaluation_on():
    """The library knows no grace, either: what it would do must show."""
    engine = judge((evaluation(i, {"val/loss": 1.0}) for i in range(2)), settings(patience=1))
    assert [signal.raised_at for signal in raised(engine, "patience")] == [1]


def test_a_late_improvement_clears_it():
    values = [1.0, 1.1, 1.1, 0.9]
    engine = judge((evaluation(i, {"val/loss": v}) for i, v in enumerate(values)), settings(patience=2))
    assert [(s.raised_at, s.cleared_at) for s in engine.history] == [(2, None), (2, 3)]
    assert engine.active == ()


def test_a_monitor_that_never_was_finite_has_no_best():
    values = [math.nan] * 3
    engine = judge((evaluation(i, {"val/loss": v}) for i, v in enumerate(values)), settings(patience=3))
    (signal,) = raised(engine, "patience")
    assert "finite" in signal.message


@pytest.mark.parametrize("points", [[{"val/accuracy": 0.5}] * 9, [{"val/loss": 1.0}] * 9])
def test_without_patience_or_monitor_nothing_is_said(points):
    configured = settings(patience=2) if "val/accuracy" in points[0] else settings()
    engine = judge((evaluation(i, values) for i, values in enumerate(points)), configured)
    assert not raised(engine, "patience")
