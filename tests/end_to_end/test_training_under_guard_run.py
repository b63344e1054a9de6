"""The spine, with a real PyTorch training: launch, record, judge, stop, prove, resume."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import NamedTuple

import pytest

from guard_process import (
    FAULTS,
    FOR_LONG,
    events,
    guard,
    only_run,
    processes_of,
    show,
    start_guard,
    trainer_pid,
    wait_for_step,
)
from waiting import wait_for

pytestmark = pytest.mark.torch

EIGHT_EPOCHS = ("params.lr=2e-2", "params.epochs=8", "params.pace=0.01")


class Whole(NamedTuple):
    """A training that nobody interrupted."""

    code: int
    said: str
    run: Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    done = guard("run", FAULTS, *EIGHT_EPOCHS, cwd=folder)
    return Whole(done.returncode, done.stdout + done.stderr, only_run(folder / "runs"))


def test_a_training_runs_to_its_end_and_its_best_checkpoint_is_proved(whole: Whole) -> None:
    assert whole.code == 0, whole.said
    run = whole.run
    shown = show(run)
    assert shown["status"] == "finished"
    assert shown["checkpoints"]["best"]["verified"] is True
    assert shown["checkpoints"]["last"]["step"] == shown["step"] > 0
    assert shown["monitor"]["best"] is not None
    assert "best" in whole.said
    assert processes_of(run) == []


def test_what_the_run_came_from_is_on_disk_before_the_first_step(whole: Whole) -> None:
    run = whole.run
    launch = json.loads((run / "attempts/1.json").read_text())
    assert launch["config"]["params"]["lr"] == 0.02
    assert launch["overrides"] == list(EIGHT_EPOCHS)
    assert launch["environment"]["python"]
    assert "commit" in launch["git"]
    assert events(run, kind="seeds")
    first_metrics = events(run, kind="metrics")[0]
    assert launch["created"] < first_metrics["t"]
    assert {
        "train/loss",
        "lr",
        "grad_norm",
        "step_time",
        "data_time",
        "samples_per_s",
    } <= first_metrics.keys()


def test_guard_stop_ends_at_a_step_boundary_with_the_best_checkpoint_proved(tmp_path: Path) -> None:
    front = start_guard("run", *FOR_LONG, cwd=tmp_path)
    run = only_run(tmp_path / "runs")
    wait_for(lambda: events(run, kind="eval"), 60, what="a first evaluation")

    stopped = guard("stop", str(run), "--json", cwd=tmp_path)

    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert front.wait(30) == 0, front.stdout and front.stdout.read()
    shown = show(run)
    assert shown["status"] == "stopped"
    assert shown["checkpoints"]["best"]["verified"] is True
    (ack,) = events(run, kind="ack")
    assert shown["step"] - ack["step"] <= 2
    assert shown["checkpoints"]["last"]["step"] == shown["step"]
    assert processes_of(run) == []


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_to_guard_run_stops_safely_and_ends_by_that_signal(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    front = start_guard("run", *FOR_LONG, cwd=tmp_path)
    run = only_run(tmp_path / "runs")
    wait_for_step(run, 5)

    front.send_signal(sent)

    assert front.wait(60) == code, front.stdout and front.stdout.read()
    shown = show(run)
    assert shown["status"] == "stopped"
    assert shown["checkpoints"]["last"]["step"] == shown["step"]


def test_closing_the_terminal_leaves_the_training_running(tmp_path: Path) -> None:
    front = start_guard("run", *FOR_LONG, cwd=tmp_path, start_new_session=True)
    run = only_run(tmp_path / "runs")
    wait_for_step(run, 5)

    os.killpg(front.pid, signal.SIGHUP)
    front.wait(20)
    step = show(run)["step"]
    wait_for_step(run, step + 20)

    assert show(run)["status"] == "running"
    assert guard("stop", str(run), cwd=tmp_path).returncode == 0
    assert show(run)["status"] == "stopped"


def test_a_killed_trainer_is_shown_as_killed_and_resumes_from_its_last_checkpoint(tmp_path: Path) -> None:
    front = start_guard("run", FAULTS, *EIGHT_EPOCHS, cwd=tmp_path)
    run = only_run(tmp_path / "runs")
    wait_for(lambda: len(events(run, kind="checkpoint")) >= 2, 60, what="two checkpoints")

    os.kill(trainer_pid(run), signal.SIGKILL)

    assert front.wait(30) == 1, front.stdout and front.stdout.read()
    killed = show(run)
    assert killed["status"] == "killed"
    last = killed["checkpoints"]["last"]

    resumed = guard("run", "--resume", str(run), cwd=tmp_path)

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    (resume,) = events(run, kind="resume")
    assert resume["step"] == last["step"]
    shown = show(run)
    assert (shown["status"], shown["attempt"]) == ("finished", 2)


def test_a_stopped_and_resumed_run_gives_the_values_of_one_never_interrupted(
    whole: Whole, tmp_path: Path
) -> None:
    """The same seed, stopped mid-epoch: every later loss is bit for bit that of the whole run."""
    front = start_guard("run", FAULTS, *EIGHT_EPOCHS, "--runs-dir", "parts", cwd=tmp_path)
    run = only_run(tmp_path / "parts")
    wait_for_step(run, 30)
    assert guard("stop", str(run), cwd=tmp_path).returncode == 0
    front.wait(30)
    assert show(run)["status"] == "stopped"

    resumed = guard("run", "--resume", str(run), "--runs-dir", "parts", cwd=tmp_path)

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    expected = {e["step"]: e["train/loss"] for e in events(whole.run, kind="metrics")}
    found = {e["step"]: e["train/loss"] for e in events(run, kind="metrics")}
    assert expected == found
