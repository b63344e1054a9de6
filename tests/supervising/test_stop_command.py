"""`guard stop` from the outside: what it prints, what it ends with."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from guardrun.cli.main import run as guard
from waiting import wait_for


def begun(run, **tempo):
    supervisor = run.supervise(**tempo)
    wait_for(lambda: run.steps() > 2, what=run.complaints())
    return supervisor


def alone(run):
    """The training as somebody starts it without `guard run`."""
    environment = {**os.environ, "GUARDRUN_DIR": str(run.paths.root), "GUARDRUN_ATTEMPT": "1"}
    command = json.loads(run.paths.attempt(1).read_text())["command"]
    training = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    wait_for(lambda: run.steps() > 2)
    return training


def test_each_stage_is_shown_as_it_happens(run, capsys):
    run.trainer()
    supervisor = begun(run)
    assert guard(["stop", str(run.paths.root)]) == 0
    said = capsys.readouterr().out
    stages = re.findall(r"\+ *\d+\.\d s  (\w+)", said.replace("-0.0", "+0.0"))
    assert stages[:6] == ["requested", "acknowledged", "saving", "saved", "ended", "gone"]
    assert re.search(r"stopped \(stop:cli\), step \d+", said)
    assert supervisor.wait(30) == 0


def test_a_run_is_found_by_name_or_prefix_below_the_runs_folder(run, capsys):
    run.trainer()
    begun(run)
    assert guard(["stop", "test", "--runs-dir", str(run.paths.root.parent)]) == 0


def test_no_such_run_is_a_usage_error(tmp_path, capsys):
    assert guard(["stop", "nothing", "--runs-dir", str(tmp_path)]) == 2
    assert "guard: no run 'nothing'" in capsys.readouterr().err


def test_a_run_that_is_over_says_so_and_is_left_alone(run, capsys):
    run.trainer("steps=2")
    run.supervise().wait(30)
    assert guard(["stop", str(run.paths.root)]) == 0
    assert "already over: finished (completed)" in capsys.readouterr().out
    assert list(run.paths.control.iterdir()) == []


def test_a_run_whose_training_was_killed_with_its_supervisor_is_over(run, capsys):
    run.trainer()
    supervisor = begun(run)
    pid = run.training_pid()
    supervisor.kill()
    os.kill(pid, signal.SIGKILL)
    supervisor.wait()
    assert guard(["stop", str(run.paths.root)]) == 0
    assert "already over: killed" in capsys.readouterr().out


def test_json_is_one_document_and_nothing_else(run, capsys):
    run.trainer()
    begun(run)
    assert guard(["stop", str(run.paths.root), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["status"], document["pending"]) == ("stopped", False)
    assert document["checkpoints"].keys() == {"best", "last"}
    assert [stage["stage"] for stage in document["stages"]][:2] == ["requested", "acknowledged"]


def test_no_wait_leaves_the_request_and_returns_1(run, capsys):
    run.trainer("ignore")
    begun(run)
    assert guard(["stop", str(run.paths.root), "--no-wait"]) == 1
    wait_for(lambda: "requested" in run.stages())


def test_without_a_terminal_a_stop_that_does_not_move_is_pending_and_asking_again_climbs(run, capsys):
    run.trainer("ignore", stop={"grace": 0.2})
    supervisor = begun(run)
    assert guard(["stop", str(run.paths.root)]) == 1
    assert "say `guard stop` again for SIGINT" in capsys.readouterr().out
    assert guard(["stop", str(run.paths.root)]) == 1
    assert "SIGINT" in run.stages()
    assert guard(["stop", str(run.paths.root)]) == 1
    assert guard(["stop", str(run.paths.root)]) == 5
    assert supervisor.wait(30) == 5
    assert "killed (stop:cli)" in capsys.readouterr().out


def test_a_grace_climbs_unasked_to_the_end(run, capsys):
    run.trainer("ignore")
    supervisor = begun(run)
    assert guard(["stop", str(run.paths.root), "--grace", "0.2"]) == 5
    assert supervisor.wait(30) == 5
    assert re.findall(r"SIG\w+", capsys.readouterr().out)[:3] == ["SIGINT", "SIGTERM", "SIGKILL"]


def test_a_grace_of_nonsense_is_a_usage_error(run, capsys):
    assert guard(["stop", str(run.paths.root), "--grace", "soon"]) == 2
    assert "--grace soon" in capsys.readouterr().err


def test_a_command_without_the_library_is_stopped_and_promised_nothing(run, capsys):
    run.script("import time; print('up', flush=True); time.sleep(60)")
    supervisor = run.supervise()
    wait_for(lambda: run.paths.console.exists() and b"up" in run.paths.console.read_bytes())
    assert guard(["stop", str(run.paths.root)]) == 0
    assert "no checkpoint is promised" in capsys.readouterr().out
    assert supervisor.wait(30) == 0


def test_an_unsupervised_training_obeys_and_its_checkpoints_are_examined_here(run, capsys):
    run.trainer()
    training = alone(run)
    try:
        # Somebody must collect the child, as its shell would; else it stays as a zombie.
        assert guard(["stop", str(run.paths.root)]) == 0
    finally:
        training.kill()
        training.wait()
    said = capsys.readouterr().out
    for word in ("requested", "acknowledged", "saved", "gone", "verifying"):
        assert word in said
    assert "stopped (stop:cli)" in said


def test_an_unsupervised_training_that_ignores_everything_is_forced_by_the_one_who_asks(run, capsys):
    run.trainer("ignore")
    training = alone(run)
    try:
        assert guard(["stop", str(run.paths.root), "--grace", "0.2"]) == 5
        assert training.wait(10) == -signal.SIGKILL
    finally:
        training.kill()
        training.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can pose as another user")
def test_another_users_run_is_refused_before_a_command_is_left(run, capsys, monkeypatch):
    run.trainer()
    begun(run)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert guard(["stop", str(run.paths.root)]) == 2
    assert "belongs to root" in capsys.readouterr().err
    assert list(run.paths.control.iterdir()) == []


@pytest.mark.terminal
def test_on_a_terminal_enter_takes_the_offered_rung(run):
    run.trainer("ignore", stop={"grace": 0.3})
    supervisor = begun(run)
    master, slave = pty.openpty()
    stop = subprocess.Popen(
        [sys.executable, "-m", "guardrun.cli.main", "stop", str(run.paths.root)],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    deadline = time.monotonic() + 40
    answered = 0
    while stop.poll() is None and time.monotonic() < deadline:
        try:
            shown += os.read(master, 4096)
        except OSError:
            break
        offers = shown.count(b"press Enter for")
        if offers > answered:
            answered = offers
            os.write(master, b"\n")
    assert stop.wait(20) == 5
    os.close(master)
    offered = re.findall(r"Enter for (SIG\w+)", shown.decode())
    assert list(dict.fromkeys(offered)) == ["SIGINT", "SIGTERM", "SIGKILL"]
    assert supervisor.wait(30) == 5


@pytest.mark.terminal
def test_ctrl_c_leaves_the_request_pending(run):
    run.trainer("ignore")
    begun(run)
    stop = subprocess.Popen(
        [sys.executable, "-m", "guardrun.cli.main", "stop", str(run.paths.root)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    wait_for(lambda: "requested" in run.stages())
    time.sleep(0.3)
    stop.send_signal(signal.SIGINT)
    assert stop.wait(20) == 1
    assert "the request stays" in stop.stdout.read()
