"""What the user allowed: time, money, steps, epochs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.context import EngineSettings, settings_of
from guardrun.signals.model import Point
from signal_curves import Judged, judge, raised

T = 1_700_000_000.0


def training(step: int, epoch: int | None = 0, *, t: float = 0.0) -> Point:
    return Point("metrics", step, epoch, t, {"train/loss": 1.0})


def tick(t: float) -> Point:
    return Point("tick", 0, None, t, {})


def which(judged: Judged) -> list[str]:
    return [signal.evidence["which"] for signal in raised(judged, "budget")]


@pytest.mark.parametrize(
    ("config", "elapsed", "step", "epoch", "expected"),
    [
        ({}, 1e9, 10**9, 10**6, []),
        ({"budget": {"time": 60}}, 49.0, 1, 0, []),
        ({"budget": {"time": 60}}, 50.0, 1, 0, ["time"]),
        ({"budget": {"cost": 2.0}, "cost": {"per_hour": 60.0}}, 110.0, 1, 0, ["cost"]),
        ({"budget": {"cost": 2.0}, "cost": {"per_hour": None}}, 1e9, 1, 0, []),
        ({"budget": {"cost": 2.0, "time": 60}, "cost": {"per_hour": 60.0}}, 50.0, 1, 0, ["time"]),
        ({"budget": {"steps": 5}}, 1.0, 5, 0, []),
        ({"budget": {"steps": 5}}, 1.0, 6, 0, ["steps"]),
        ({"budget": {"epochs": 2}}, 1.0, 6, 1, []),
        ({"budget": {"epochs": 2}}, 1.0, 6, 2, ["epochs"]),
    ],
)
def test_earlier_attempts_count_and_only_what_is_beyond(config, elapsed, step, epoch, expected):
    judged = judge([tick(T), training(step, epoch), tick(T + elapsed)], settings_of(config, 10.0))
    assert which(judged) == expected
    assert all(signal.action == "stop" for signal in raised(judged, "budget"))


def test_the_signal_says_which_how_much_was_used_and_the_limit():
    judged = judge([tick(T), training(7), tick(T + 7300)], settings_of({"budget": {"time": 7200}}))
    (signal,) = raised(judged, "budget")
    assert signal.message == "The budget of time is used up: 2.03 h of 2 h."
    assert signal.evidence == {
        "which": "time", "used": 7300.0, "limit": 7200.0, "value": 7300.0, "threshold": 7200.0,
    }  # fmt: skip


def test_a_user_may_only_be_warned_or_have_it_observed():
    for action in ("warn", "observe", "off"):
        judged = judge([training(6)], settings_of({"budget": {"steps": 5}, "policy": {"budget": action}}))
        assert [s.action for s in judged.active] == [action] * (action != "off")


def test_the_pause_between_two_attempts_is_none_of_the_time_and_the_attempts_add_up():
    judged = judge([training(1, t=T), training(2, t=T + 40)], settings_of({"budget": {"time": 60}}))
    judged.resumed()
    judged.feed(training(3, t=T + 90_000))
    judged.feed(training(4, t=T + 90_015))
    assert which(judged) == []
    judged.feed(training(5, t=T + 90_021))
    assert which(judged) == ["time"]


def test_a_resume_within_an_attempt_loses_no_time():
    judged = judge([tick(T), tick(T + 30)], settings_of({"budget": {"time": 60}}))
    judged.resumed()
    judged.feed(tick(T + 31))
    judged.feed(tick(T + 61))
    assert which(judged) == ["time"]


def test_a_used_up_budget_is_used_up_after_a_resume_too():
    judged = judge([training(6)], settings_of({"budget": {"steps": 5}}))
    judged.resumed()
    judged.feed(training(6))
    assert which(judged) == ["steps", "steps"]


def test_the_supervisors_clock_outranks_the_trainings():
    """A log may be stamped in another time zone, or by a clock that jumps."""
    judged = judge([tick(T), training(1, t=T + 7200), tick(T + 1)], settings_of({"budget": {"time": 60}}))
    assert which(judged) == []


def test_the_evaluation_after_the_last_epoch_may_count_the_next_one():
    limits = settings_of({"budget": {"epochs": 2}})
    last = Point("eval", 20, 2, 0.0, {"val/loss": 1.0})
    assert which(judge([training(20, 1), last], limits)) == []
    assert which(judge([last], limits)) == ["epochs"]


@given(st.lists(st.tuples(st.floats(), st.integers(0, 2**62), st.none() | st.integers(0, 2**62))))
def test_it_never_raises_and_is_silent_without_a_budget(rows):
    points = [training(step, epoch, t=t) for t, step, epoch in rows]
    judge(points, settings_of({"budget": {"time": 1e-3, "cost": 1e300}, "cost": {"per_hour": 1e-300}}))
    assert not raised(judge(points, EngineSettings()), "budget")
