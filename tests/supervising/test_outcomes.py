"""What an end means: status, reason and exit code from the facts alone."""

from __future__ import annotations

import signal

import pytest

from guardrun.supervising.ladder import Request
from guardrun.supervising.launching import UNKNOWN_EXIT
from guardrun.supervising.outcome import EndFacts, exit_words, outcome_of

PERSON = Request("a", "watch")
ABORT = Request("b", "policy", "abort:nan")
BUDGET = Request("c", "budget", "budget:time")
PATIENCE = {"status": "finished", "reason": "patience"}
CRASHED = {"status": "failed", "reason": "exception"}
STOPPED = {"status": "stopped", "reason": "stop:watch"}


@pytest.mark.parametrize(
    ("facts", "status", "reason", "guard_exit"),
    [
        (EndFacts(exit_code=0), "finished", "completed", 0),
        (EndFacts(exit_code=3), "failed", "exit code 3", 1),
        (EndFacts(exit_code=-signal.SIGSEGV), "failed", "SIGSEGV", 1),
        (EndFacts(exit_code=-signal.SIGKILL), "killed", "SIGKILL", 1),
        (EndFacts(exit_code=-signal.SIGKILL, oom="out of memory: x"), "killed", "out of memory: x", 1),
        (EndFacts(exit_code=-signal.SIGTERM), "failed", "SIGTERM", 1),
        (EndFacts(exit_code=None, cannot_start="command not found: x"), "failed", "cannot start", 1),
        (EndFacts(exit_code=0, training_end=PATIENCE), "finished", "patience", 0),
        (EndFacts(exit_code=0, training_end=STOPPED, request=PERSON), "stopped", "stop:watch", 0),
        (EndFacts(exit_code=-9, training_end=STOPPED, forced=True), "stopped", "stop:watch", 0),
        (EndFacts(exit_code=1, training_end=CRASHED), "failed", "exception", 1),
        (EndFacts(exit_code=-9, request=PERSON, forced=True, library=True), "killed", "stop:watch", 5),
        (EndFacts(exit_code=-15, request=PERSON, signalled=True, library=True), "killed", "stop:watch", 5),
        (EndFacts(exit_code=-2, request=PERSON, signalled=True), "stopped", "stop:watch", 0),
        (EndFacts(exit_code=1, request=PERSON, signalled=True), "stopped", "stop:watch", 0),
        (EndFacts(exit_code=1, request=PERSON, library=True), "failed", "exit code 1", 1),
        (EndFacts(exit_code=-11, request=PERSON, signalled=True), "failed", "SIGSEGV", 1),
        (EndFacts(exit_code=-9, request=ABORT, forced=True, library=True), "aborted", "abort:nan", 3),
        (EndFacts(exit_code=-2, request=ABORT, signalled=True), "aborted", "abort:nan", 3),
        (EndFacts(exit_code=0, training_end=STOPPED, request=ABORT), "aborted", "abort:nan", 3),
        (EndFacts(exit_code=-2, request=BUDGET, signalled=True), "finished", "budget:time", 0),
        (EndFacts(exit_code=UNKNOWN_EXIT, training_end=STOPPED), "stopped", "stop:watch", 0),
    ],
)  # fmt: skip
def test_the_end_of_a_run_in_one_word(facts, status, reason, guard_exit):
    outcome = outcome_of(facts)
    assert (outcome.status, outcome.reason, outcome.guard_exit) == (status, reason, guard_exit)


def test_an_end_that_nobody_could_see_is_a_failure_that_says_so():
    outcome = outcome_of(EndFacts(exit_code=UNKNOWN_EXIT))
    assert outcome.status == "failed"
    assert "unknown" in outcome.reason


def test_a_keyboard_interrupt_that_was_ours_is_a_forced_stop_and_one_that_was_not_is_a_failure():
    end = {"status": "failed", "reason": "exception", "error": "KeyboardInterrupt"}
    ours = outcome_of(EndFacts(exit_code=1, training_end=end, request=PERSON, signalled=True, library=True))
    assert (ours.status, ours.guard_exit) == ("killed", 5)
    theirs = outcome_of(EndFacts(exit_code=1, training_end=end, library=True))
    assert (theirs.status, theirs.guard_exit) == ("failed", 1)


def test_an_exit_code_of_a_script_that_had_not_ended_its_run_is_told_as_such():
    end = {"status": "finished", "reason": "completed"}
    open_still = outcome_of(EndFacts(exit_code=3, training_end={**end, "at_exit": True}, library=True))
    assert (open_still.status, open_still.reason) == ("failed", "exit code 3")
    assert open_still.error == "the script ended with exit code 3 before it had ended its run"
    ended = outcome_of(EndFacts(exit_code=3, training_end=end, library=True))
    assert ended.error == "after the run itself had finished"
    assert outcome_of(EndFacts(exit_code=0, training_end={**end, "at_exit": True})).status == "finished"


def test_exit_codes_in_words():
    assert [exit_words(code) for code in (1, -9, -200, None)] == [
        "exit code 1", "SIGKILL", "signal 200", "unknown exit code",
    ]  # fmt: skip
