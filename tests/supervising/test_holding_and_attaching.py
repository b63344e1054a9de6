"""Who holds a run, who is refused, and how a training without its supervisor is taken up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from guardrun.errors import UserError
from guardrun.following.run_follower import RunFollower
from guardrun.provenance.host import Lease
from guardrun.supervising.holding import refuse_if_held
from waiting import wait_for

ELSEWHERE = {"host": "another-host", "boot_id": "x", "pid": 4242, "pid_start": 1, "attempt": 3, "t": 0.0}


def test_a_run_that_nobody_holds_is_free(run):
    refuse_if_held(run.paths, takeover=False)


def test_a_released_lease_is_free(run):
    lease = Lease(run.paths.lease("trainer"))
    lease.take(1)
    lease.release()
    refuse_if_held(run.paths, takeover=False)


@pytest.mark.parametrize("takeover", [False, True])
def test_a_living_holder_on_this_host_is_never_taken_over(run, takeover):
    run.trainer()
    run.supervise()
    wait_for(lambda: run.steps() > 1)
    with pytest.raises(UserError) as refused:
        refuse_if_held(run.paths, takeover=takeover)
    pid = run.training_pid()
    assert f"is still being trained by pid {pid}" in refused.value.message
    assert "guard watch" in refused.value.hint
    assert "guard stop" in refused.value.hint


def test_a_holder_on_another_host_is_taken_over_only_when_told(run):
    run.paths.lease("trainer").write_text(json.dumps(ELSEWHERE) + "\n")
    with pytest.raises(UserError) as refused:
        refuse_if_held(run.paths, takeover=False)
    assert "may still be trained by pid 4242 on another-host (attempt 3)" in refused.value.message
    assert "--takeover" in refused.value.hint
    refuse_if_held(run.paths, takeover=True)


@pytest.mark.parametrize("where", ["nowhere", "in the attempt's file", "on the command line"])
def test_a_supervisor_on_another_host_is_replaced_only_by_takeover(run, where):
    run.script("print('done')")
    launch = json.loads(run.paths.attempt(1).read_text())
    launch["takeover"] = where.startswith("in")
    run.paths.attempt(1).write_text(json.dumps(launch))
    run.paths.lease("supervisor").write_text(json.dumps(ELSEWHERE) + "\n")
    command = [sys.executable, "-m", "guardrun.supervising", str(run.paths.root), "--attempt", "1"]
    command += ["--takeover"] if where.startswith("on") else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ("already has a supervisor" in done.stderr) == (where == "nowhere")
    assert (done.returncode == 0) == (where != "nowhere")


def test_a_dead_trainer_holds_nothing(run):
    run.trainer()
    supervisor = run.supervise()
    wait_for(lambda: run.steps() > 1)
    os.kill(run.training_pid(), signal.SIGKILL)
    supervisor.wait(30)
    refuse_if_held(run.paths, takeover=False)


def shown(run):
    """What a viewer makes of the run now."""
    follower = RunFollower(run.paths.root, judge=False)
    follower.catch_up()
    state = follower.state()
    follower.close()
    return state


def test_a_training_whose_supervisor_was_killed_is_taken_up_and_stopped_safely(run, is_gone):
    run.trainer()
    first = run.supervise()
    wait_for(lambda: run.steps() > 2)
    pid = run.training_pid()
    first.kill()
    first.wait()
    steps = run.steps()
    assert "guard run --attach" in shown(run).notes[0]
    assert not shown(run).supervised, "viewers would say that somebody watches it"
    wait_for(lambda: run.steps() > steps)
    second = run.supervise(attach=True)
    wait_for(lambda: "taken up again" in run.notes())
    assert shown(run).supervised
    run.stop()
    assert second.wait(30) == 0
    assert (run.end()["status"], run.end()["reason"], run.end()["exit_code"]) == ("stopped", "stop:cli", None)
    assert len(run.events("run_start")) == 1
    assert is_gone(pid)


def test_an_attached_supervisor_leaves_no_orphan_of_a_killed_trainer(run, is_gone):
    run.script(
        """
        import subprocess, sys, time
        code = "import time; time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        print("child", child.pid, flush=True)
        time.sleep(600)
        """
    )
    first = run.supervise()
    pid = run.training_pid()
    child = wait_for(lambda: [int(w) for w in run.paths.console.read_text().split() if w.isdigit()])[0]
    first.kill()
    first.wait()
    second = run.supervise(attach=True)
    wait_for(lambda: "taken up again" in run.notes())
    os.kill(pid, signal.SIGKILL)
    assert second.wait(30) == 1
    assert run.end()["status"] == "failed"
    assert is_gone(child)


def test_a_training_that_was_started_without_guard_run_is_attached_by_its_lease(run):
    run.trainer("save=0.1")
    environment = {**os.environ, "GUARDRUN_DIR": str(run.paths.root), "GUARDRUN_ATTEMPT": "1"}
    command = json.loads(run.paths.attempt(1).read_text())["command"]
    training = subprocess.Popen(command, env=environment)
    try:
        wait_for(lambda: run.steps() > 2)
        supervisor = run.supervise(attach=True)
        wait_for(lambda: run.events("run_start"))
        run.stop()
        assert training.wait(30) == 0
        assert supervisor.wait(30) == 0
        assert run.end()["status"] == "stopped"
    finally:
        training.kill()
        training.wait()


def test_signals_that_history_has_are_not_raised_again(run):
    run.trainer("nan_at=5", policy={"nan": "warn"})
    first = run.supervise()
    wait_for(lambda: run.events("signal"))
    wait_for(lambda: run.steps() > 30)
    first.kill()
    first.wait()
    before = len(run.events("signal"))
    second = run.supervise(attach=True)
    wait_for(lambda: "taken up again" in run.notes())
    steps = run.steps()
    wait_for(lambda: run.steps() > steps + 10)
    assert len(run.events("signal")) == before
    run.stop()
    assert second.wait(30) == 0


def test_there_is_nothing_to_attach_to_when_the_training_is_over(run):
    run.trainer("steps=2")
    run.supervise().wait(30)
    assert run.supervise(attach=True).wait(30) != 0
    assert "no training of" in run.complaints()
