"""Many runs: found when they come, dropped when they go, each looked at as often as it deserves."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guardrun.following import fleet as fleet_module
from guardrun.following.fleet import Fleet
from guardrun.following.waking import Waker
from run_factory import RunWriter
from waiting import wait_for


def test_runs_are_found_followed_and_dropped(tmp_path: Path) -> None:
    first = RunWriter(tmp_path, suffix="0001", t=time.time() - 60)
    first.start()
    fleet = Fleet([tmp_path])
    assert fleet.poll() == {first.paths.root}

    second = RunWriter(tmp_path, suffix="0002", t=time.time() - 60)
    second.start()
    wait_for(lambda: second.paths.root in fleet.poll(), 5)
    second.train(3)
    wait_for(lambda: second.paths.root in fleet.poll(), 5)
    assert fleet.followers[second.paths.root].state().step == 3

    shutil.rmtree(first.paths.root)
    wait_for(lambda: first.paths.root in fleet.poll(), 5)
    assert list(fleet.followers) == [second.paths.root]
    fleet.close()


def test_whoever_iterates_over_the_followers_is_not_disturbed(tmp_path: Path) -> None:
    RunWriter(tmp_path, suffix="0001").start()
    fleet = Fleet([tmp_path])
    fleet.poll()
    followers = iter(fleet.followers.items())

    RunWriter(tmp_path, suffix="0002").start()
    wait_for(lambda: fleet.poll() or len(fleet.followers) == 2, 5)

    assert len(list(followers)) == 1


def test_a_large_run_does_not_keep_the_others_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guardrun.following.log_file._BYTES_AT_ONCE", 500)
    monkeypatch.setattr(fleet_module, "_SLICE_S", 0.0)
    large = RunWriter(tmp_path, suffix="0001", t=time.time() - 600)
    large.start()
    large.train(3000)
    small = RunWriter(tmp_path, suffix="0002", t=time.time() - 60)
    small.start()
    small.train(1)
    fleet = Fleet([tmp_path], judge=False)

    wait_for(lambda: fleet.poll(0.01) and fleet.followers[small.paths.root].caught_up, 5)

    assert not fleet.followers[large.paths.root].caught_up
    wait_for(lambda: fleet.poll(0.05) is not None and fleet.caught_up, 20)
    assert fleet.followers[large.paths.root].state().step == 3000


def test_runs_that_have_ended_are_looked_at_rarely_and_a_resume_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "_RECENT_S", 0.0)
    monkeypatch.setattr(fleet_module, "OVER_S", 0.5)
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    run.end()
    fleet = Fleet([tmp_path])
    fleet.poll()
    looks = 0
    original = fleet.followers[run.paths.root].poll

    def counted(max_seconds: float) -> bool:
        nonlocal looks
        looks += 1
        return original(max_seconds)

    monkeypatch.setattr(fleet.followers[run.paths.root], "poll", counted)
    begun = time.monotonic()
    polls = 0
    while time.monotonic() - begun < 0.4:
        fleet.poll(0.01)
        polls += 1
    assert looks <= 1 < polls

    run.start(attempt=2)
    wait_for(lambda: run.paths.root in fleet.poll(), 5)
    assert fleet.followers[run.paths.root].state().attempt == 2


def test_a_crowd_of_silent_runs_is_looked_at_less_often_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "_SILENT_CROWD", 2)
    monkeypatch.setattr(fleet_module, "SILENT_S", 0.2)
    for number in range(8):
        RunWriter(tmp_path, suffix=f"000{number}", t=time.time() - 60).start()
    fleet = Fleet([tmp_path])
    wait_for(lambda: fleet.poll() is not None and fleet.caught_up, 5)
    seen = next(iter(fleet.followers))
    fleet.attend([seen])
    looks: dict[Path, int] = dict.fromkeys(fleet.followers, 0)

    def counted(path: Path) -> None:
        original = fleet.followers[path].poll

        def poll(max_seconds: float) -> bool:
            looks[path] += 1
            return original(max_seconds)

        monkeypatch.setattr(fleet.followers[path], "poll", poll)

    for path in fleet.followers:
        counted(path)
    begun = time.monotonic()
    while time.monotonic() - begun < 0.7:
        fleet.poll(0.01)
        time.sleep(0.01)

    others = [count for path, count in looks.items() if path != seen]
    assert max(others) <= 2  # each 0.8 s: eight runs where two are a crowd
    assert looks[seen] >= 2


def test_an_idle_watcher_wakes_when_a_run_writes(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 60)
    run.start()
    fleet = Fleet([tmp_path])
    fleet.poll()
    fleet.wait(0.05)
    writer = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; time.sleep(0.3); open(sys.argv[1], 'a').write('x\\n')",
         str(run.paths.events())]
    )  # fmt: skip

    begun = time.monotonic()
    woken = fleet.wait(20)

    assert writer.wait(10) == 0
    assert woken
    assert time.monotonic() - begun < 15
    fleet.close()


def test_reading_files_does_not_wake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    waker = Waker()
    waker.watch([tmp_path])
    waker.wait(0.1)

    (tmp_path / "file").read_text()

    assert not waker.wait(0.3)
    waker.close()


@pytest.mark.parametrize("failure", [OSError(28, "inotify watch limit reached"), ImportError("no watchdog")])
def test_without_notifications_the_clock_alone_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def refuse(_: Waker) -> None:
        raise failure

    monkeypatch.setattr(Waker, "_start", refuse)
    waker = Waker()
    waker.watch([tmp_path])
    begun = time.monotonic()

    assert not waker.wait(0.05)
    assert time.monotonic() - begun >= 0.04
    waker.close()


def test_a_wait_can_be_ended_from_outside() -> None:
    waker = Waker()
    waker.wake()

    assert waker.wait(20)


def test_watchdog_is_not_imported_before_somebody_waits(tmp_path: Path) -> None:
    code = (
        "import sys; from guardrun.following.fleet import Fleet\n"
        "f = Fleet([sys.argv[1]]); f.poll(); f.close(); sys.exit('watchdog' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 0


def test_a_missing_folder_is_an_empty_fleet_until_it_comes(tmp_path: Path) -> None:
    fleet = Fleet([tmp_path / "runs"])
    assert fleet.poll() == set()
    assert fleet.caught_up

    run = RunWriter(tmp_path / "runs")
    run.start()

    wait_for(lambda: run.paths.root in fleet.poll(), 5)
