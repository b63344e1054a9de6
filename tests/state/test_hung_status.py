"""The status "hung" and the signal of that name say the same."""

from __future__ import annotations

import pytest

from guardrun.state.model import Facts, Status
from guardrun.state.status import Evidence, derive_status, hung_after, hung_least

NOW = 1_700_000_000.0


def status(**evidence) -> Status:
    told = {"phase": "train", "stepped": True, "supervised": True, **evidence}
    return derive_status(Evidence(**told), Facts(trainer="alive"), NOW).status


def test_samples_of_the_machine_are_no_sign_of_life_of_the_training():
    assert status(last_event_t=NOW - 1, training_t=NOW - 360) is Status.HUNG
    assert status(last_event_t=NOW - 1, training_t=NOW - 240) is Status.RUNNING


def test_the_supervisors_signal_decides_and_the_reader_only_checks_that_it_still_holds():
    slow = {"slow_step_s": 100.0, "last_event_t": NOW - 1}
    assert status(training_t=NOW - 900, **slow) is Status.RUNNING
    assert status(training_t=NOW - 900, hang=True, **slow) is Status.HUNG
    assert status(training_t=NOW - 5, hang=True, **slow) is Status.RUNNING
    assert status(training_t=NOW - 900, hang=True, stopping=True, **slow) is Status.STOPPING


@pytest.mark.parametrize(
    ("slow_step", "seconds"), [(0, 300), (1, 300), (45, 450), (179, 1790), (300, 1800), (900, 2700)]
)
def test_ten_slow_steps_at_least_300_s_and_1800_s_in_any_case_unless_steps_are_that_slow(slow_step, seconds):
    assert hung_after(slow_step) == seconds


def test_the_users_own_limit_takes_the_place_of_300_s():
    assert status(training_t=NOW - 360, hung_least_s=600) is Status.RUNNING
    assert status(training_t=NOW - 25, hung_least_s=20) is Status.HUNG
    assert status(training_t=NOW - 25, hung_least_s=20, hang=True) is Status.HUNG
    assert [hung_after(slow, 20) for slow in (0.1, 5, 30, 90)] == [20, 50, 120, 270]


@pytest.mark.parametrize(
    "stop", [None, 5, {}, {"hang": "soon"}, {"hang": -1}, {"hang": True}, {"hang": 1e300}]
)
def test_a_limit_of_nonsense_counts_as_not_given(stop):
    assert hung_least({"stop": stop}) == 300
    assert hung_least({"stop": {"hang": 12}}) == 12
