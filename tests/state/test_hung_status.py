"""The status "hung" and the signal of that name say the same."""

from __future__ import annotations

import pytest

from guardrun.state.model import Facts, Status
from guardrun.state.status import Evidence, derive_status, hung_after

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
