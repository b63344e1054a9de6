"""Whatever happens to the disk below a run, the training goes on, and what was lost is told."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.faults.disks import build_layer, layered

import guardrun
from guardrun.events.commands import send_command
from guardrun.events.decode import decode
from guardrun.events.paths import RunPaths
from guardrun.following.run_follower import RunFollower
from guardrun.recording import run_folder
from guardrun.state.status import Status
from waiting import wait_for

SWITCH = """
import mmap, os, struct, time
import guardrun
from guardrun.recording import writer

def disk(code=0, answers_after_ms=0, clock_wrong_by_s=0):
    with open(os.environ["FAULTY_DISK_SWITCH"], "r+b") as file, mmap.mmap(file.fileno(), 16) as switch:
        switch[:] = struct.pack("iiii", code, answers_after_ms, 0, clock_wrong_by_s)

runs = os.environ["FAULTY_DISK_FOLDER"]
"""


def metrics_of(log: Path) -> list[dict[str, Any]]:
    found = map(decode, log.read_bytes().splitlines())
    return [event for event in found if event is not None and event["kind"] == "metrics"]


@pytest.fixture
def failing(tmp_path: Path) -> dict[str, str]:
    """The environment of a process whose disk can be made to fail at the level of system calls."""
    library = build_layer(tmp_path)
    assert library is not None, "this test needs a C compiler"
    return layered(tmp_path, library)


def test_a_disk_that_stops_answering_holds_up_no_step_and_no_end(
    script: Any, failing: dict[str, str]
) -> None:
    """Slow calls first, by which guard learns; then calls that do not come back."""
    done = script.run(
        SWITCH
        + """
writer._PATIENCE_S = 0.2
with guardrun.start(runs_dir=runs) as run:
    disk(answers_after_ms=60)
    for _ in run.steps(range(40)):
        run.log(loss=1.0)
        time.sleep(0.02)
    disk(answers_after_ms=10**8)
    for _ in run.steps(range(100)):
        run.log(loss=1.0)
    print("trained", run.step)
print("ended")
""",
        **failing,
    )

    assert done.stdout.split() == ["trained", "140", "ended"], done.stderr
    assert "could not be written: the file system does not answer" in done.stderr
    (log,) = Path(failing["FAULTY_DISK_FOLDER"]).glob("*/events.jsonl")
    assert "writes have become slow: events may reach the disk 0.5 s late" in log.read_text()


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.ENOSPC])
def test_what_was_dropped_is_told_on_the_console_and_to_whoever_looks(
    script: Any, failing: dict[str, str], code: int
) -> None:
    done = script.run(
        SWITCH
        + f"""
with guardrun.start(runs_dir=runs) as run:
    for step, _ in enumerate(run.steps(range(30))):
        disk(code={code} if 10 <= step < 20 else 0)
        run.log(loss=1.0)
""",
        **failing,
    )

    assert done.returncode == 0
    assert done.stderr.count("events can't be written to") == 1
    (folder,) = Path(failing["FAULTY_DISK_FOLDER"]).iterdir()
    follower = RunFollower(folder)
    follower.catch_up()
    state = follower.state()
    follower.close()
    assert state.dropped_events == 10
    assert state.step == 30


def test_a_disk_that_fails_to_the_end_is_told_on_the_console(script: Any, failing: dict[str, str]) -> None:
    done = script.run(
        SWITCH
        + """
with guardrun.start(runs_dir=runs) as run:
    for _ in run.steps(range(10)):
        run.log(loss=1.0)
        disk(code=28)
""",
        **failing,
    )

    assert done.returncode == 0
    assert "events could not be written: No space left on device" in done.stderr


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_run_directory_that_vanishes_is_made_anew_and_that_is_told(
    begin: Callable[..., guardrun.Run],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: str,
) -> None:
    """Without it the rest of a training would be written into a file that has no name."""
    monkeypatch.setattr(run_folder, "LOOK_S", 0.0)
    run = begin()
    assert run.path is not None
    monkeypatch.setattr("guardrun.recording.mailbox.POLL_S", 0.0)
    for step, _ in enumerate(run.steps(range(40))):
        if step == 20:
            if how == "deleted":
                shutil.rmtree(run.path)
            else:
                run.path.rename(run.path.with_name("elsewhere"))
        run.log(loss=float(step))
    run.finish()

    assert "was moved or deleted while training; it was made anew" in capsys.readouterr().err
    follower = RunFollower(run.path)
    follower.catch_up()
    state = follower.state()
    follower.close()
    assert (state.step, state.name, state.reason) == (40, "test", "completed")
    assert state.dropped_events > 0
    assert (run.path.stat().st_mode & 0o777) == 0o700
    assert (run.path / "attempts" / "1.json").exists()


@pytest.mark.parametrize("wrong_by", [-3600, 3600])
def test_a_clock_that_jumps_changes_no_duration_and_stops_no_stop(
    script: Any, failing: dict[str, str], wrong_by: int
) -> None:
    """The training's clock jumps; a person whose clock is right asks for a stop."""
    process = script.start(
        SWITCH
        + f"""
with guardrun.start(runs_dir=runs) as run:
    for step, _ in enumerate(run.steps(range(100_000))):
        disk(clock_wrong_by_s={wrong_by} if step >= 20 else 0)
        run.log(loss=1.0)
        time.sleep(0.005)
""",
        **failing,
    )
    (log,) = wait_for(lambda: list(Path(failing["FAULTY_DISK_FOLDER"]).glob("*/events.jsonl")))
    wait_for(lambda: log.read_bytes().count(b'"kind":"metrics"') > 30)
    send_command(RunPaths(log.parent), "stop", attempt=1, via="cli")

    assert process.wait(30) == 0
    follower = RunFollower(log.parent)
    follower.catch_up()
    state, steps = follower.state(), metrics_of(log)
    follower.close()
    assert (state.status, state.reason) == (Status.STOPPED, "stop:cli")
    assert all(0.0 <= event["step_time"] < 60.0 for event in steps)
    assert abs(steps[-1]["t"] - steps[0]["t"]) > 3000.0
    assert state.elapsed_s is not None
    assert 0.0 < state.elapsed_s < 60.0
    way = "forward" if wrong_by > 0 else "back"
    assert sum(f"the clock was set 60.0 min {way}" in note for note in state.notes) == 1
