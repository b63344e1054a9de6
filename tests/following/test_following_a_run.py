"""A run is followed from its files while it is written: nothing lost, nothing doubled, nothing raised."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guardrun.following.run_follower import RunFollower
from guardrun.provenance.host import boot_id, host_name, process_start
from guardrun.series.store import SYSTEM
from guardrun.state.model import Status
from run_factory import RunWriter
from waiting import wait_for


def caught_up(path: Path, **options: bool) -> RunFollower:
    follower = RunFollower(path, **options)
    assert follower.catch_up(10)
    return follower


def lease(run: RunWriter, holder: str, pid: int, *, attempt: int = 1, **facts: object) -> None:
    body = {
        "host": host_name(), "boot_id": boot_id(), "pid": pid, "pid_start": process_start(pid),
        "attempt": attempt, "t": time.time(), **facts,
    }  # fmt: skip
    run.paths.lease(holder).write_text(json.dumps(body) + "\n")


def test_a_run_is_told_from_its_files(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.launch(config={"monitor": {"metric": "val/loss", "mode": "min"}})
    run.start(total_steps=400)
    run.train(100)
    run.evaluate()
    run.checkpoint()

    follower = caught_up(run.paths.root)
    state = follower.state()

    assert (state.name, state.status, state.step, state.total_steps) == ("digits", Status.RUNNING, 100, 400)
    assert state.best is not None
    assert state.monitor is not None
    assert state.monitor.best_step == 100
    assert len(follower.series.get("train/loss")) == 100
    assert follower.series.get("val/loss").step.tolist() == [100]


def test_what_is_written_later_is_seen_once(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.train(10)
    follower = caught_up(run.paths.root)
    assert not follower.poll()

    run.train(5)

    assert follower.poll()
    assert not follower.poll()
    assert follower.series.get("train/loss").step.tolist() == list(range(1, 16))
    assert follower.state().silent_s is not None


def test_files_of_later_ranks_and_of_the_supervisor_are_found_when_they_come(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    follower = caught_up(run.paths.root)

    run.event("header", file="events.rank1.jsonl", attempt=1, rank=1, world_size=2)
    run.event("metrics", file="events.rank1.jsonl", step=1, **{"train/loss": 3.0})
    run.event("system", file="system.jsonl", **{"cpu/percent": 50.0})
    run.supervise()

    wait_for(lambda: follower.poll() and follower.state().supervised, 5)
    assert follower.series.get("train/loss", 1).value.tolist() == [3.0]
    assert follower.series.get("cpu/percent", SYSTEM).value.tolist() == [50.0]
    assert follower.state().ranks == 2


def test_slices_are_bounded_and_everything_is_read_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guardrun.following.log_file._BYTES_AT_ONCE", 2000)
    run = RunWriter(tmp_path, t=time.time() - 600)
    run.start()
    run.train(2000)
    follower = RunFollower(run.paths.root)

    polls = 0
    while not follower.caught_up:
        follower.poll(0.0)
        polls += 1

    assert polls > 50
    assert len(follower.series.get("train/loss")) == 2000


def test_a_supervised_run_shows_the_recorded_signals_as_history(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.supervise()
    run.train(300, **{"grad_norm": float("nan")})
    run.signal("overfit", severity="warn")
    run.signal("overfit", severity="act", action="stop")

    follower = caught_up(run.paths.root)
    (signal,) = follower.state().signals
    run.signal("overfit", severity="act", state="cleared", cleared_at=320)
    follower.poll()
    (cleared,) = follower.state().signals

    assert (signal.id, signal.severity, signal.recorded, signal.cleared_at) == ("overfit", "act", True, None)
    assert cleared.cleared_at == 320


def test_a_run_without_supervisor_is_judged_here_and_its_signals_say_so(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.train(50)
    run.train(200, **{"train/loss": float("nan")})

    judged = caught_up(run.paths.root).state().signals
    unjudged = caught_up(run.paths.root, judge=False).state().signals

    assert [(s.id, s.recorded) for s in judged] == [("nan", False)]
    assert judged[0].first_step == 51
    assert unjudged == ()


def test_judging_in_slices_finds_what_judging_at_once_finds(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    for _ in range(20):
        run.train(30)
        run.evaluate()
    run.train(100, **{"train/loss": float("nan")})
    at_once = caught_up(run.paths.root).state().signals
    follower = RunFollower(run.paths.root)
    while not follower.caught_up:
        follower.poll(0.0)

    assert repr(follower.state().signals) == repr(at_once) != "()"


def test_signals_of_a_former_attempt_do_not_stand_in_the_next(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.supervise()
    run.train(50)
    run.signal("nan", severity="act")
    run.end("aborted", "abort:nan")
    follower = caught_up(run.paths.root)
    assert follower.state().signals[0].cleared_at is None

    run.supervise(attempt=2)
    run.start(attempt=2)
    follower.poll()

    assert follower.state().signals[0].cleared_at is not None
    assert follower.state().attempt == 2


def test_a_living_process_is_running_and_a_gone_one_was_killed(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.train(20)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lease(run, "trainer", process.pid)
    follower = caught_up(run.paths.root)
    assert follower.state().status is Status.RUNNING

    process.kill()
    process.wait()

    killed = caught_up(run.paths.root).state()
    assert killed.status is Status.KILLED
    wait_for(lambda: follower.state().status is Status.KILLED, 5)


def test_a_lease_of_another_host_says_nothing_here(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 30)
    run.start()
    run.train(20)
    lease(run, "trainer", os.getpid(), host="elsewhere")

    assert caught_up(run.paths.root).state().status is Status.RUNNING


def test_a_lease_of_a_former_attempt_does_not_kill_the_new_one(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 30)
    run.start()
    lease(run, "trainer", 2**22 - 3, attempt=1)
    run.launch(attempt=2)

    assert caught_up(run.paths.root).state().status is Status.STARTING


def test_a_command_without_our_library_is_known_by_its_supervisors_word(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 30)
    run.launch(library=False)
    run.event("header", file="supervisor.jsonl", attempt=1, host=host_name(), boot_id=boot_id())
    me = {"pid": os.getpid(), "pid_start": process_start(os.getpid())}
    run.event("run_start", file="supervisor.jsonl", attempt=1, **me)
    assert caught_up(run.paths.root).state().status is Status.RUNNING

    run.event("run_start", file="supervisor.jsonl", attempt=1, pid=2**22 - 3, pid_start=1)

    assert caught_up(run.paths.root).state().status is Status.KILLED


def test_a_checkpoint_that_is_gone_is_not_shown_as_verified(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.train(3)
    run.checkpoint()
    run.supervise()
    for role in ("best", "last"):
        run.event(
            "checkpoint", file="supervisor.jsonl", role=role, path="checkpoints/step-3-a1", verified=True,
            level="full", problem="",
        )  # fmt: skip
    best = caught_up(run.paths.root).state().best
    assert best is not None
    assert best.verified is True

    shutil.rmtree(run.paths.checkpoints / "step-3-a1")

    best = caught_up(run.paths.root).state().best
    assert best is not None
    assert (best.verified, best.problem) == (False, "its folder is gone")


def test_a_replaced_log_is_read_anew_and_the_state_says_so(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.train(100)
    follower = caught_up(run.paths.root)
    other = RunWriter(tmp_path, suffix="0002", t=time.time() - 60)
    other.start()
    other.train(7)

    os.replace(other.paths.events(), run.paths.events())
    follower.poll()

    state = follower.state()
    assert (state.step, len(follower.series.get("train/loss"))) == (7, 7)
    assert any("events.jsonl was replaced" in note for note in state.notes)


def test_bad_lines_are_counted_and_a_hostile_folder_raises_nothing(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    with open(run.paths.events(), "ab") as file:
        file.write(b"garbage\n\xff\xfe\n[]\n")
    run.paths.run_json.write_text("[1, 2")
    run.paths.attempt(7).write_text('{"attempt": "x", "config": 3}')
    (run.paths.attempts / "²³.json").write_text("{}")
    run.paths.lease("trainer").write_text("nonsense")
    run.paths.pointer("best").write_text('{"folder": 7}')
    run.paths.supervisor.symlink_to("/etc/hostname")

    state = caught_up(run.paths.root).state()

    assert state.bad_lines == 3
    assert state.name == run.paths.root.name
    assert any("supervisor.jsonl cannot be read" in note for note in state.notes)


def test_a_folder_that_vanishes_keeps_its_last_state(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.train(10)
    follower = caught_up(run.paths.root)

    run.paths.root.rename(tmp_path / "moved")

    assert not follower.poll()
    assert follower.state().step == 10


def test_a_finished_run_costs_nothing_to_ask_again(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.train(10)
    run.end()
    follower = caught_up(run.paths.root)

    assert follower.state() is follower.state()
    assert follower.over
    run.start(attempt=2)
    follower.poll()
    assert follower.state().attempt == 2


WRITER = """
import os, sys, time
sys.path[:0] = [{tests!r}]
from pathlib import Path
from run_factory import RunWriter
run = RunWriter(Path(sys.argv[1]), t=time.time())
run.start(total_steps=3000)
for _ in range(30):
    run.train(100, seconds=1e-4)
    run.evaluate()
with open(run.paths.events(), "ab") as file:
    file.write(b'{{"t":1,"kind":"metr')
    file.flush(); time.sleep(0.05)
    file.write(b'ics","step":3001,"train/loss":1}}\\n')
run.end()
"""


def test_a_run_is_followed_while_another_process_writes_it(tmp_path: Path) -> None:
    tests = str(Path(__file__).resolve().parents[1])
    writer = subprocess.Popen([sys.executable, "-c", WRITER.format(tests=tests), str(tmp_path)])
    (path,) = wait_for(lambda: [p.parent for p in tmp_path.glob("*/events.jsonl")], 20)
    follower = RunFollower(path)

    wait_for(lambda: follower.poll() and follower.over, 40, what="the run's end")

    assert writer.wait(10) == 0
    assert follower.series.get("train/loss").step.tolist() == list(range(1, 3002))
    assert len(follower.series.get("val/loss")) == 30
    assert follower.state().bad_lines == 0


def test_what_the_training_said_once_is_kept_by_kind_also_of_kinds_to_come(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.event("data", name="train", sha256="ab")
    run.train(5)
    run.event("data", name="val", sha256="cd")
    run.event("a_kind_of_next_year", text="hello")
    follower = caught_up(run.paths.root, judge=False)

    assert [event["name"] for event in follower.told("data")] == ["train", "val"]
    assert [event["text"] for event in follower.told("a_kind_of_next_year")] == ["hello"]
    assert (list(follower.told("metrics")), list(follower.told("phase"))) == ([], [])
