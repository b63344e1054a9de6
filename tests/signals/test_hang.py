"""A training that is alive and makes no progress; and all that looks like it and is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.context import EngineSettings
from guardrun.signals.model import Point
from guardrun.state.status import hung_after
from signal_curves import Judged, judge, raised

T = 1_700_000_000.0


def phase(name: str, t: float, step: int = 0) -> Point:
    return Point("phase", step, 0, t, {}, text=name)


def rows(count: int, every: float, *, t: float = T, step: int = 0) -> list[Point]:
    return [
        Point("metrics", step + i + 1, 0, t + (i + 1) * every, {"train/loss": 1.0, "step_time": every})
        for i in range(count)
    ]


def evaluation(t: float, step: int) -> Point:
    return Point("eval", step, 0, t, {"val/loss": 1.0})


def ticks(begin: float, end: float, kind: str = "tick", every: float = 1.0, step: int = 0) -> Iterator[Point]:
    t = begin + every
    while t <= end:
        yield Point(kind, step, None, t, {})
        t += every


def hangs(judged: Judged, severity: str | None = None) -> list:
    told = [s for s in judged.history if s.id == "hang" and s.cleared_at is None]
    return [s for s in told if severity in (None, s.severity)]


@pytest.mark.parametrize("kind", ["tick", "system"])
def test_silence_in_a_step_is_a_hang_after_five_minutes_and_clears_with_the_next_step(kind):
    started = [phase("train", T), *rows(20, 1.0), evaluation(T + 21, 20), phase("train", T + 22)]
    judged = judge([*started, *rows(5, 1.0, t=T + 22, step=20), *ticks(T + 27, T + 320, kind)])
    assert hangs(judged) == []
    for point in ticks(T + 320, T + 340, kind, step=25):
        judged.feed(point)
    (signal,) = hangs(judged)
    assert (signal.severity, signal.action, signal.first_step) == ("act", "warn", 25)
    assert "silent for 5.02 min after step 25" in signal.message
    assert signal.evidence["threshold"] == 300
    judged.feed(rows(1, 1.0, t=T + 400, step=25)[0])
    assert judged.active == ()


def test_the_users_own_limit_is_the_least_silence_that_is_a_hang():
    short, started = EngineSettings(hang=20.0), [phase("train", T), *rows(20, 1.0), evaluation(T + 21, 20)]
    steps = [phase("train", T + 22), *rows(5, 1.0, t=T + 22, step=20)]
    assert hangs(judge([*started, *steps, *ticks(T + 27, T + 27 + 20)], short)) == []
    (signal,) = hangs(judge([*started, *steps, *ticks(T + 27, T + 27 + 25)], short))
    assert signal.evidence["threshold"] == 20
    assert hangs(judge([*started, *steps, *ticks(T + 27, T + 1000)], EngineSettings(hang=1200.0))) == []


def test_until_a_first_evaluation_came_it_only_warns_because_it_may_be_one():
    started = [phase("train", T), *rows(20, 1.0)]
    judged = judge([*started, *ticks(T + 20, T + 1900)])
    assert [s.severity for s in hangs(judged)] == ["warn", "act"]


def test_a_step_is_slow_by_its_own_measure():
    """Ten slow steps, but 1,800 s in any case, unless steps take so long themselves."""
    assert [hung_after(s) for s in (0, 1, 60, 170, 400, 900)] == [300, 300, 600, 1700, 1800, 2700]
    minutes = [phase("train", T), *rows(20, 60.0)]
    end = minutes[-1].t
    assert hangs(judge([*minutes, *ticks(end, end + 590)])) == []
    assert len(hangs(judge([*minutes, *ticks(end, end + 610)]))) == 1


@pytest.mark.parametrize("name", ["setup", "eval", "stop", "done"])
def test_setup_evaluation_and_the_end_are_no_hangs(name):
    judged = judge([phase("train", T), *rows(20, 1.0), phase(name, T + 21), *ticks(T + 21, T + 9000)])
    assert hangs(judged) == []


def test_a_save_that_never_ends_is_told_after_half_an_hour_and_never_acts():
    saving = [phase("train", T), *rows(20, 1.0), evaluation(T + 21, 20), phase("checkpoint", T + 22)]
    assert hangs(judge([*saving, *ticks(T + 22, T + 1820)])) == []
    judged = judge([*saving, *ticks(T + 22, T + 9000)])
    (signal,) = hangs(judged)
    assert (signal.severity, signal.action, signal.evidence["phase"]) == ("warn", "warn", "checkpoint")
    assert "The checkpoint at step 20 has been under way for 30" in signal.message
    judged.feed(phase("train", T + 9001, 20))
    assert judged.active == ()


def test_a_save_may_take_three_times_as_long_as_the_longest_before():
    slow = [phase("train", T), *rows(20, 1.0), phase("checkpoint", T + 21), phase("train", T + 1521)]
    second = [*slow, *rows(20, 1.0, t=T + 1521, step=20), phase("checkpoint", T + 1542)]
    assert hangs(judge([*second, *ticks(T + 1542, T + 1542 + 4400)])) == []
    assert len(hangs(judge([*second, *ticks(T + 1542, T + 1542 + 4600)]))) == 1


def test_the_policy_aborts_no_training_in_the_middle_of_a_save():
    policy = {"hang": "abort"}
    saving = [phase("train", T), *rows(20, 1.0), evaluation(T + 21, 20), phase("checkpoint", T + 22)]
    judged = judge([*saving, *ticks(T + 22, T + 9000)], settings=EngineSettings(policy=policy))
    (signal,) = hangs(judged)
    assert signal.action == "warn"


def test_compilation_before_the_first_step_is_no_hang():
    assert hangs(judge([phase("train", T), *ticks(T, T + 9000)])) == []


def test_an_evaluation_that_says_nothing_teaches_how_long_it_takes():
    started = [phase("train", T), *rows(20, 1.0), evaluation(T + 270, 20)]
    assert hangs(judge([*started, *rows(5, 1.0, t=T + 270, step=20), *ticks(T + 275, T + 275 + 740)])) == []
    late = [*started, *rows(5, 1.0, t=T + 270, step=20), *ticks(T + 275, T + 275 + 760)]
    assert len(hangs(judge(late))) == 1


def test_a_machine_that_slept_was_not_training():
    """The samples stop and go on two hours later, as does the training."""
    asleep = [phase("train", T), *rows(20, 1.0), *ticks(T + 20, T + 30, "system")]
    awake = [*ticks(T + 7230, T + 7250, "system"), *rows(20, 1.0, t=T + 7250, step=20)]
    assert hangs(judge([*asleep, *awake])) == []


def test_a_watchers_clock_in_another_time_zone_measures_the_same_silence():
    started = [phase("train", T), *rows(20, 1.0)]
    assert hangs(judge([*started, *ticks(T + 20 - 7200, T + 20 - 7200 + 295)])) == []
    assert len(hangs(judge([*started, *ticks(T + 20 - 7200, T + 20 - 7200 + 305)]))) == 1


def test_offline_a_gap_between_two_rows_is_told_when_it_is_over_and_only_as_a_warning():
    judged = judge([*rows(20, 1.0), *rows(30, 1.0, t=T + 2000, step=20)])
    (signal,) = hangs(judged)
    assert (signal.severity, signal.first_step, signal.raised_at, signal.evidence["over"]) == (
        "warn", 20, 21, True,
    )  # fmt: skip
    assert judged.active == ()


def test_offline_evaluations_repeated_steps_and_slow_logs_are_no_gaps():
    evaluated = [*rows(20, 1.0), evaluation(T + 2000, 20), *rows(5, 1.0, t=T + 2000, step=20)]
    appended = [*rows(20, 1.0), *rows(20, 1.0, t=T + 90_000)]
    hourly = rows(40, 3600.0)
    for points in (evaluated, appended, hourly):
        assert hangs(judge(points)) == []


def test_after_a_resume_it_waits_for_the_first_step_again():
    judged = judge([phase("train", T), *rows(20, 1.0), *ticks(T + 20, T + 400)])
    judged.resumed()
    for point in (phase("train", T + 401), *ticks(T + 401, T + 3000)):
        judged.feed(point)
    assert [s.id for s in judged.active] == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.001, 250.0), min_size=1, max_size=80),
    st.booleans(),
)
def test_no_pace_whose_steps_take_less_than_five_minutes_is_a_hang(gaps, phases):
    t, points = T, [phase("train", T)] if phases else []
    for i, gap in enumerate(gaps):
        points += ticks(t, t + gap)
        t += gap
        points.append(Point("metrics", i + 1, 0, t, {"train/loss": 1.0}))
    assert hangs(judge(points)) == []


@given(st.lists(st.tuples(st.sampled_from(["metrics", "eval", "phase", "tick", "system"]), st.floats())))
def test_it_never_raises(rows):
    judge(Point(kind, i, 0, t, {}, text="train") for i, (kind, t) in enumerate(rows))
    assert not raised(judge([], EngineSettings()), "hang")


def of_rank(rank: int, points: list[Point]) -> list[Point]:
    return [replace(point, rank=rank) for point in points]


def test_the_rank_that_is_behind_is_named():
    points = [phase("train", T), *rows(40, 1.0), *of_rank(1, rows(40, 1.0)), *of_rank(2, rows(39, 1.0))]
    points.sort(key=lambda point: point.t)

    (told,) = hangs(judge([*points, evaluation(T + 40, 40), *ticks(T + 40, T + 400)]), "act")

    assert "Rank 2 is at step 39, the furthest at 40." in told.message
    assert (told.evidence["ranks_behind"], told.evidence["rank_step"]) == ([2], 39)
    assert "first at the rank that is behind" in told.advice


def test_at_one_step_the_rank_in_another_phase_is_named():
    ranks = [point for rank in (1, 2, 3) for point in of_rank(rank, [phase("train", T), *rows(40, 1.0)])]
    points = sorted([phase("train", T), *rows(40, 1.0), *ranks], key=lambda point: point.t)
    late = of_rank(3, [phase("eval", T + 40)])

    (told,) = hangs(judge([*points, evaluation(T + 40, 40), *late, *ticks(T + 40, T + 400)]), "act")

    assert "Rank 3 is in phase eval, most in train." in told.message


def test_ranks_that_all_wait_at_one_place_are_not_accused():
    points = sorted(
        [phase("train", T), *rows(40, 1.0), *of_rank(1, rows(40, 1.0))], key=lambda point: point.t
    )

    (told,) = hangs(judge([*points, evaluation(T + 40, 40), *ticks(T + 40, T + 400)]), "act")

    assert "Rank" not in told.message
    assert "ranks_behind" not in told.evidence


@pytest.mark.parametrize("kind", ["tick", "system"])
def test_a_clock_that_is_set_while_somebody_sees_time_pass_is_no_hang(kind):
    jumped = rows(20, 1.0, t=T + 5 * 3600, step=20)
    points = [phase("train", T), *rows(20, 1.0), *ticks(T, T + 3, kind), *jumped]

    assert not hangs(judge(points))
