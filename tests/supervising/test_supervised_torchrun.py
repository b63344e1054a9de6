"""Two ranks under the real torchrun: its agent is never signalled, and nothing of it is left."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from waiting import wait_for

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"),
]


def launched(run, trainer, *words, **config):
    run.attempt(
        [sys.executable, trainer, *words], library=True, launcher="torchrun", nproc_per_node=2, **config
    )
    supervisor = run.supervise()
    wait_for(lambda: run.steps() > 2 and run.events("metrics", run.paths.events(1)), 60)
    return supervisor


def test_both_ranks_acknowledge_a_safe_stop_and_the_agent_ends_with_them(run, trainer_path, is_gone):
    supervisor = launched(run, trainer_path)
    pid = run.training_pid()
    run.stop()
    assert supervisor.wait(60) == 0
    end = run.end()
    assert (end["status"], end["exit_code"]) == ("stopped", 0)
    ranks = [event["rank"] for event in run.events("phase") if event["stage"] == "acknowledged"]
    assert sorted(ranks) == [0, 1]
    assert is_gone(pid)


def test_ranks_that_read_no_commands_get_sigint_and_the_agent_does_not(run, trainer_path, is_gone):
    supervisor = launched(run, trainer_path, "deaf")
    pid = run.training_pid()
    run.stop(grace=5.0, hurry=True)
    assert supervisor.wait(60) == 5
    said = run.paths.console.read_text()
    # One trace is sure: torchrun itself ends the slower rank as soon as it sees the first one's end.
    assert "KeyboardInterrupt\n" in said
    assert "SignalException" not in said
    assert is_gone(pid)
