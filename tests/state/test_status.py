"""What became of a run: one table of cases, each a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from guardrun.state.model import Facts, Status
from guardrun.state.status import Evidence, derive_status

NOW = 1_000_000.0
TRAINING = {"phase": "train", "stepped": True, "last_event_t": NOW - 1}
ALIVE = Facts(trainer="alive", supervisor="alive", silent_s=1.0)


def end(status: Any, reason: Any = "", **values: Any) -> dict[str, Any]:
    return {"kind": "run_end", "status": status, "reason": reason, **values}


CASES: dict[str, tuple[dict[str, Any], Facts, Status]] = {
    "nothing but a fresh folder": ({"last_event_t": NOW - 5}, Facts(), Status.STARTING),
    "an old folder where nothing ever came": ({"last_event_t": NOW - 9000}, Facts(), Status.LOST),
    "its supervisor died and may have started a training": (
        {"last_event_t": NOW - 5},
        Facts(supervisor="dead"),
        Status.STARTING,
    ),
    "its supervisor died, and nothing came for a minute": (
        {"last_event_t": NOW - 60},
        Facts(supervisor="dead"),
        Status.KILLED,
    ),
    "set up, no step yet": ({"phase": "setup", "last_event_t": NOW}, ALIVE, Status.STARTING),
    "in its first phase of training": ({"phase": "train", "last_event_t": NOW}, ALIVE, Status.RUNNING),
    "training": (TRAINING, ALIVE, Status.RUNNING),
    "training without a supervisor": (TRAINING, Facts(trainer="alive"), Status.RUNNING),
    "a command without our library": (
        {"library": False, "supervised": True, "last_event_t": NOW - 5000},
        Facts(trainer="alive", supervisor="alive"),
        Status.RUNNING,
    ),
    "asked to stop": ({**TRAINING, "stopping": True}, ALIVE, Status.STOPPING),
    "asked to stop and silent since": (
        {**TRAINING, "stopping": True, "last_event_t": NOW - 5000},
        ALIVE,
        Status.STOPPING,
    ),
    "ended by itself": ({**TRAINING, "training_end": end("finished", "completed")}, Facts(), Status.FINISHED),
    "ended, though its process still lives": ({"training_end": end("finished")}, ALIVE, Status.FINISHED),
    "ended, though its process died": (
        {"training_end": end("stopped", "stop:cli")},
        Facts(trainer="dead"),
        Status.STOPPED,
    ),
    "ended long ago on another host": (
        {"training_end": end("aborted", "abort:nan"), "last_event_t": 0.0},
        Facts(trainer="unknown"),
        Status.ABORTED,
    ),
    "failed": ({"training_end": end("failed", "exception")}, Facts(), Status.FAILED),
    "an end of an unknown kind with an error": (
        {"training_end": end("exploded", error="boom")},
        Facts(),
        Status.FAILED,
    ),
    "an end without words": ({"training_end": {"kind": "run_end"}}, Facts(), Status.FINISHED),
    "killed, as the supervisor saw": (
        {**TRAINING, "supervisor_end": end("killed", "SIGKILL")},
        Facts(),
        Status.KILLED,
    ),
    "the supervisor outranks the training": (
        {"training_end": end("finished"), "supervisor_end": end("failed", "exit code 1")},
        Facts(),
        Status.FAILED,
    ),
    "its process is gone without a word": (TRAINING, Facts(trainer="dead"), Status.KILLED),
    "gone while it was asked to stop": ({**TRAINING, "stopping": True}, Facts(trainer="dead"), Status.KILLED),
    "silent in a step for six minutes": ({**TRAINING, "last_event_t": NOW - 360}, ALIVE, Status.HUNG),
    "silent in a step for four minutes": ({**TRAINING, "last_event_t": NOW - 240}, ALIVE, Status.RUNNING),
    "a viewer that came late sees the hang at once": (
        {**TRAINING, "last_event_t": NOW - 3600},
        Facts(trainer="alive", silent_s=None),
        Status.HUNG,
    ),
    "silent for six minutes with steps of one minute": (
        {**TRAINING, "last_event_t": NOW - 360, "slow_step_s": 60.0},
        ALIVE,
        Status.RUNNING,
    ),
    "silent for eleven minutes with steps of one minute": (
        {**TRAINING, "last_event_t": NOW - 660, "slow_step_s": 60.0},
        ALIVE,
        Status.HUNG,
    ),
    "evaluating for an hour": (
        {**TRAINING, "phase": "eval", "last_event_t": NOW - 3600},
        ALIVE,
        Status.RUNNING,
    ),
    "compiling for an hour": ({"phase": "setup", "last_event_t": NOW - 3600}, ALIVE, Status.STARTING),
    "the first step compiles for an hour": (
        {"phase": "train", "last_event_t": NOW - 3600},
        ALIVE,
        Status.RUNNING,
    ),
    "another host, growing": (
        {**TRAINING, "last_event_t": NOW - 5000},
        Facts(trainer="unknown", silent_s=3.0),
        Status.RUNNING,
    ),
    "another host, silent for nine minutes": (
        TRAINING,
        Facts(trainer="unknown", silent_s=540.0),
        Status.RUNNING,
    ),
    "another host, silent for eleven minutes": (
        TRAINING,
        Facts(trainer="unknown", silent_s=660.0),
        Status.LOST,
    ),
    "another host, never seen growing, last event a day ago": (
        {**TRAINING, "last_event_t": NOW - 86400},
        Facts(trainer="unknown"),
        Status.LOST,
    ),
    "recorded elsewhere, its end lost, cloned today": (
        {**TRAINING, "last_event_t": NOW - 1e7},
        Facts(),
        Status.LOST,
    ),
    "a clock that runs ahead": ({**TRAINING, "last_event_t": NOW + 500}, ALIVE, Status.RUNNING),
    "supervised, and its process is not known yet": (
        {"supervised": True, "last_event_t": NOW},
        Facts(supervisor="alive"),
        Status.STARTING,
    ),
}


@pytest.mark.parametrize(("evidence", "facts", "status"), CASES.values(), ids=CASES.keys())
def test_status(evidence: dict[str, Any], facts: Facts, status: Status) -> None:
    assert derive_status(Evidence(**evidence), facts, NOW).status is status


def test_the_trainings_reason_stands_where_both_agree_on_the_end() -> None:
    evidence = Evidence(
        training_end=end("stopped", "stop:watch"), supervisor_end=end("stopped", "asked", exit_code=0)
    )

    assert derive_status(evidence, Facts(), NOW) == (Status.STOPPED, "stop:watch", 0, "")


def test_the_error_of_the_training_stands_where_the_supervisor_tells_none() -> None:
    crashed = end("failed", "exception", error="ValueError: no data")
    told = Evidence(training_end=crashed, supervisor_end=end("failed", "exception", exit_code=1))
    alone = Evidence(training_end=crashed)

    assert [derive_status(each, Facts(), NOW).error for each in (told, alone)] == ["ValueError: no data"] * 2


def test_the_supervisors_reason_stands_where_they_differ() -> None:
    evidence = Evidence(
        training_end=end("stopped", "stop:policy"), supervisor_end=end("aborted", "abort:nan", exit_code=-15)
    )

    assert derive_status(evidence, Facts(), NOW) == (Status.ABORTED, "abort:nan", -15, "")


@pytest.mark.parametrize("facts", [Facts(trainer="dead"), Facts(silent_s=900.0), ALIVE])
def test_trouble_gives_its_reason_in_words(facts: Facts) -> None:
    verdict = derive_status(Evidence(**{**TRAINING, "last_event_t": NOW - 7200}), facts, NOW)

    assert len(verdict.reason.split()) > 3


def test_live_are_those_with_a_process_or_a_job_that_will_have_one() -> None:
    assert {status for status in Status if status.live} == {
        Status.QUEUED, Status.STARTING, Status.RUNNING, Status.STOPPING, Status.HUNG,
    }  # fmt: skip
