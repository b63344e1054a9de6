"""Logs of other tools followed where they lie, while they grow, tear, vanish or turn out to be garbage."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from guardrun.following.fleet import Fleet
from guardrun.following.foreign_fleet import claims_of
from guardrun.following.foreign_follower import ForeignFollower
from guardrun.following.foreign_status import foreign_status, patience
from guardrun.following.offline import Choices, foreign_cases, judge_case
from guardrun.following.run_follower import RunFollower
from guardrun.reading.foreign import ForeignLog, live_document
from guardrun.reading.foreign.files import read_file
from guardrun.reading.foreign.opening import ForeignFile
from guardrun.reading.foreign.searching import FoundLog, LogSearch
from guardrun.state.log_words import LOG
from guardrun.state.model import Status
from guardrun.state.status import LOST_AFTER_S, Verdict

HEADER = "epoch,train/box_loss,train/cls_loss,metrics/mAP50-95(B),val/box_loss,val/cls_loss,lr/pg0"


def search(*paths: Path) -> dict[Path, FoundLog]:
    looking = LogSearch(paths)
    while not looking.done:
        looking.turn(1.0)
    return dict(looking.found)


def follow(path: Path) -> ForeignFollower:
    (found,) = search(path).values()
    follower = ForeignFollower(found)
    follower.catch_up(30)
    return follower


def losses(follower: ForeignFollower, name: str = "train/loss") -> list[float]:
    return [round(value, 6) for value in follower.series.get(name).value.tolist()]


def csv(path: Path, rows: Iterable[tuple[int, float]], mode: str = "w") -> None:
    with path.open(mode) as file:
        if mode == "w":
            file.write("step,train_loss,val_loss\n")
        file.writelines(f"{step},{loss},\n" for step, loss in rows)


def trainer_state(path: Path, steps: int, total: int = 100, loss: float = 1.0) -> None:
    """As Hugging Face's Trainer writes it: the whole history anew at each save."""
    rows = [{"step": step, "epoch": step / 10, "loss": loss / step, "learning_rate": 1e-4}
            for step in range(1, steps + 1)]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {"log_history": rows, "max_steps": total, "num_train_epochs": 10, "global_step": steps}
    path.write_text(json.dumps(state, indent=2))


class EventLog:
    """One event file, written as PyTorch's SummaryWriter writes it."""

    def __init__(self, folder: Path) -> None:
        self._writer = EventFileWriter(str(folder))

    def add(self, step: int, **values: float) -> None:
        for tag, value in values.items():
            found = Summary.Value(tag=tag.replace("_", "/", 1), simple_value=value)
            self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[found])))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def test_a_growing_csv_is_read_on_and_runs_only_once_it_was_seen_growing(tmp_path: Path) -> None:
    path = tmp_path / "lightning_logs" / "version_0" / "metrics.csv"
    path.parent.mkdir(parents=True)
    csv(path, [(1, 0.9), (2, 0.8)])
    follower = follow(tmp_path)
    before = follower.state()
    assert (before.status, before.source, before.name) == (Status.QUIET, "CSV", "version_0")
    assert not before.can_save
    assert not before.supervised

    with path.open("a") as file:
        file.write("3,0.7,\n4,0.")
    assert follower.poll()
    assert losses(follower) == [0.9, 0.8, 0.7]
    state = follower.state()
    assert (state.status, state.step) == (Status.RUNNING, 3)
    with path.open("a") as file:
        file.write("65,0.5\n")
    assert follower.poll()
    assert losses(follower) == [0.9, 0.8, 0.7, 0.65]
    assert follower.state().monitor is not None
    assert follower.state().monitor.name == "val/loss"  # type: ignore[union-attr]
    assert not follower.poll()


def test_a_log_that_is_written_anew_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    csv(path, [(step, 1 / step) for step in range(1, 50)])
    follower = follow(tmp_path)

    csv(path, [(1, 5.0), (2, 4.0)])
    follower.poll()
    assert losses(follower) == [5.0, 4.0]

    other = tmp_path / "other"
    csv(other, [(1, 7.0), (2, 6.0), (3, 5.5)])
    os.replace(other, path)
    follower.poll()
    assert losses(follower) == [7.0, 6.0, 5.5]
    assert follower.state().attempt == 1


def test_a_truncated_log_is_empty_and_a_deleted_one_keeps_what_it_told(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    csv(path, [(1, 0.9), (2, 0.8)])
    follower = follow(tmp_path)
    path.unlink()
    assert not follower.poll()
    assert losses(follower) == [0.9, 0.8]
    assert follower.state().status is Status.QUIET
    path.write_text("")
    follower.poll()
    assert losses(follower) == []
    assert follower.state().step == 0


def test_a_last_line_without_an_end_counts_once_nobody_writes_any_more(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n1,0.5\n2,0.25")
    assert losses(follow(path)) == [0.5]
    long_ago = time.time() - 7200
    os.utime(path, (long_ago, long_ago))
    follower = follow(path)
    assert losses(follower) == [0.5, 0.25]
    with path.open("a") as file:
        file.write("75\n3,0.1\n")
    follower.poll()
    assert losses(follower) == [0.5, 0.2575, 0.1]


def test_a_trainers_state_is_read_again_when_it_changed_and_stands_while_it_is_being_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out" / "trainer_state.json"
    trainer_state(path, 5)
    follower = follow(tmp_path)
    assert (follower.state().step, follower.state().total_steps) == (5, 100)

    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    _poll_until(follower, lambda: "damaged or cut off" in " ".join(follower.state().notes))
    assert len(losses(follower)) == 5

    trainer_state(path, 8)
    _poll_until(follower, lambda: len(losses(follower)) == 8)
    assert follower.state().status is Status.RUNNING
    assert "cut off" not in " ".join(follower.state().notes)


def test_a_document_takes_a_twentieth_of_a_core_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trainer_state.json"
    trainer_state(path, 3)
    now = [100.0]

    def slowly(file: ForeignFile, mapping: None) -> ForeignLog:
        now[0] += 1.0
        return read_file(file, mapping)

    monkeypatch.setattr(live_document, "read_file", slowly)
    monkeypatch.setattr(live_document, "time", SimpleNamespace(monotonic=lambda: now[0]))
    document = live_document.LiveDocument(path)
    assert len(document.read().rows) == 3
    trainer_state(path, 4)
    now[0] = 119.0
    assert not document.changed()
    now[0] = 120.5
    assert document.changed()
    assert len(document.read().rows) == 4
    assert not document.changed()


def test_the_newest_of_a_trainers_checkpoints_is_the_log_and_keeps_its_place(tmp_path: Path) -> None:
    out = tmp_path / "out"
    trainer_state(out / "checkpoint-5" / "trainer_state.json", 5)
    looking = LogSearch([tmp_path])
    looking.turn(10)
    (found,) = looking.found.values()
    follower = ForeignFollower(found)
    follower.catch_up(30)

    trainer_state(out / "checkpoint-9" / "trainer_state.json", 9)
    looking._due = float("-inf")
    looking.turn(10)
    (again,) = looking.found.values()
    assert again.key == found.key == out / "trainer_state.json"
    assert follower.adopt(again)
    _poll_until(follower, lambda: len(losses(follower)) == 9)
    assert follower.state().status is Status.RUNNING


def test_event_files_are_read_on_by_record_and_a_second_file_joins(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "run")
    log.add(1, Loss_train=0.9, Loss_val=1.0)
    log.add(2, Loss_train=0.8)
    follower = follow(tmp_path)
    assert losses(follower) == [0.9, 0.8]
    assert follower.path == tmp_path / "run"
    state = follower.state()
    assert (state.status, state.source) == (Status.RUNNING, "TensorBoard event files")

    log.add(3, Loss_train=math.nan)
    follower.poll()
    assert repr(losses(follower)) == "[0.9, 0.8, nan]"
    assert [signal.id for signal in follower.state().signals] == ["nan"]
    log.close()

    second = EventLog(tmp_path / "run")
    second.add(4, Loss_train=0.7)
    (found,) = search(tmp_path).values()
    assert follower.adopt(found)
    follower.poll()
    assert losses(follower)[-1] == 0.7
    second.close()


def test_half_a_record_waits_for_its_other_half(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "run")
    for step in range(5):
        log.add(step, Loss_train=1.0 - step / 10)
    log.close()
    (path,) = (tmp_path / "run").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    follower = follow(tmp_path)
    assert len(losses(follower)) == 4
    with path.open("ab") as file:
        file.write(whole[-20:])
    follower.poll()
    assert len(losses(follower)) == 5
    path.write_bytes(whole[: len(whole) // 2])
    follower.poll()
    assert len(losses(follower)) < 5


def test_it_is_judged_as_guard_signals_judges_it(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    rows = [HEADER]
    for epoch in range(1, 61):
        val = 1.0 / epoch + max(0, epoch - 20) * 0.05
        rows.append(f"{epoch},{1 / epoch},{0.5 / epoch},{min(0.5, epoch / 50)},{val},{val / 2},0.01")
    path.write_text("\n".join(rows) + "\n")
    follower = follow(tmp_path)
    (case,) = foreign_cases(path, Choices())
    told = [(s.id, s.raised_at, s.cleared_at) for s in judge_case(case).signals]
    assert told
    assert [(s.id, s.raised_at, s.cleared_at) for s in follower.state().signals] == told
    (about,) = follower.all_told[LOG]
    assert about["renamed"]["lr/pg0"] == "lr"
    assert about["files"] == [str(path)]
    assert follower.state().name == tmp_path.name


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 300,
        b"\0" * 100_000,
        b"name,size\nx,y\n" * 1000,
        b"x,y\n" + b"1,2\n" * 50_000,
        b'{"licenses": [1, 2, 3], "images": [{"id": 1}]}',
        b'{"log_history": [{"step": 1, "lo',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"",
        b"a" * 3_000_000,
    ],
    ids=["bytes", "nuls", "words", "data", "annotations", "torn", "short", "brackets", "empty", "one-line"],
)
def test_what_is_no_log_is_not_shown_whatever_it_is_called(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.csv").write_bytes(content)
    (tmp_path / "trainer_state.json").write_bytes(content)
    assert search(tmp_path) == {}


def test_a_file_that_becomes_a_log_is_found_and_one_that_turns_to_garbage_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n")
    looking = LogSearch([tmp_path])
    looking.turn(10)
    assert looking.found == {}
    csv(path, [(1, 0.5)])
    looking._due = float("-inf")
    assert looking.turn(10)
    (found,) = looking.found.values()
    follower = ForeignFollower(found)
    follower.catch_up(30)
    path.write_bytes(os.urandom(5000) + b"\0\n" * 100)
    follower.catch_up(30)
    assert losses(follower) == []
    assert follower.state().status in (Status.QUIET, Status.RUNNING)


def test_hostile_names_and_texts_stay_data(tmp_path: Path) -> None:
    folder = tmp_path / "\x1b]0;pwned\x07[red]x"
    folder.mkdir()
    (folder / "metrics.csv").write_text("step,loss,\x1b[2Jevil\u202e\n1,0.5,3\n2,0.4,1e400\n")
    follower = follow(tmp_path)
    assert losses(follower) == [0.5, 0.4]
    assert follower.series.get("\x1b[2Jevil\u202e").value.tolist() == [3.0, math.inf]


def test_an_unreadable_log_says_so_and_keeps_its_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.csv"
    csv(path, [(1, 0.9)])
    follower = follow(tmp_path)
    csv(path, [(2, 0.8)], "a")
    opened = os.open

    def refused(name: object, *args: int, **options: int) -> int:
        if os.fspath(name) == str(path):  # type: ignore[call-overload]
            raise PermissionError(13, "Permission denied", str(path))
        return opened(name, *args, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as denied:
        denied.setattr(os, "open", refused)
        follower.poll()
        assert "Permission denied" in follower.state().notes
        assert search(tmp_path) == {}
    follower.poll()
    assert losses(follower) == [0.9, 0.8]


def test_a_huge_log_is_read_in_bounded_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    csv(path, [(step, 0.9) for step in range(300)])
    with path.open("r+b") as file:
        file.truncate(2**30)  # a hole: a line of a gigabyte
    (found,) = search(tmp_path).values()
    follower = ForeignFollower(found)
    follower.poll(0.01)
    assert losses(follower) == [0.9] * 300


def test_data_sets_runs_and_environments_are_not_searched(tmp_path: Path) -> None:
    for folder in (".git", "venv", "node_modules", "lib/site-packages", "env", "runs/one", "data"):
        (tmp_path / folder).mkdir(parents=True)
        csv(tmp_path / folder / "zz.csv", [(1, 0.5)])
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "runs" / "one" / "run.json").write_text("{}")
    for number in range(400):
        (tmp_path / "data" / f"{number:04}.txt").write_text("a label\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "data" / "zz.csv")
    csv(tmp_path / "log.csv", [(1, 0.5)])
    assert list(search(tmp_path)) == [tmp_path / "log.csv"]


def test_a_log_that_is_shown_as_a_run_already_is_not_shown_twice(tmp_path: Path) -> None:
    for name in ("imported.csv", "translated.csv", "free.csv"):
        csv(tmp_path / name, [(1, 0.5)])
    for name, identity, config in (
        ("a", {"imported": {"source": str(tmp_path / "imported.csv"), "files": []}}, {}),
        ("b", {}, {"logs": "trans*.csv"}),
    ):
        (tmp_path / "runs" / name / "attempts").mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text(json.dumps({"id": name, **identity}))
        launch = {"attempt": 1, "config": config, "workdir": str(tmp_path)}
        (tmp_path / "runs" / name / "attempts" / "1.json").write_text(json.dumps(launch))
    runs = [RunFollower(tmp_path / "runs" / name) for name in "ab"]
    for run in runs:
        run.catch_up()
    found = search(tmp_path)
    assert len(found) == 3
    assert {key.name for key in claims_of(runs).of(found.values())} == {"imported.csv", "translated.csv"}

    fleet = Fleet([tmp_path])
    while not fleet.caught_up:
        fleet.poll()
    assert [path.name for path in fleet.followers] == ["a", "b", "free.csv"]
    assert list(fleet.runs) == [tmp_path / "runs" / "a", tmp_path / "runs" / "b"]
    fleet.close()


def test_a_fleet_finds_logs_beside_runs_follows_them_and_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "version_1" / "metrics.csv"
    path.parent.mkdir()
    csv(path, [(1, 0.9)])
    fleet = Fleet([tmp_path])
    while not fleet.caught_up:
        fleet.poll()
    assert list(fleet.followers) == [path]
    assert fleet.runs == {}
    csv(path, [(2, 0.8)], "a")
    fleet.hasten(path)
    assert fleet.poll() == {path}
    assert fleet.followers[path].state().status is Status.RUNNING
    path.unlink()
    fleet._foreign._search._due = float("-inf")
    assert fleet.poll() == {path}
    assert fleet.followers == {}
    fleet.close()


ENDED = Verdict(Status.FINISHED, "completed")


@pytest.mark.parametrize(
    ("ended", "grew", "told", "gap", "status"),
    [
        (ENDED, 1.0, 1.0, 0.0, Status.FINISHED),
        (None, 1.0, None, 0.0, Status.RUNNING),
        (None, LOST_AFTER_S + 1, None, 0.0, Status.QUIET),
        (None, 3000.0, None, 1800.0, Status.RUNNING),
        (None, 100_000.0, None, 90_000.0, Status.QUIET),
        (None, None, 5.0, 0.0, Status.RUNNING),
        (None, None, 86_400.0, 0.0, Status.QUIET),
        (None, None, -86_400.0, 0.0, Status.QUIET),
        (None, None, None, 0.0, Status.QUIET),
        (None, LOST_AFTER_S + 1, 5.0, 0.0, Status.QUIET),
    ],
)
def test_only_growth_or_the_logs_own_times_are_signs_of_life(
    ended: Verdict | None, grew: float | None, told: float | None, gap: float, status: Status
) -> None:
    assert foreign_status(ended, grew_s=grew, told_s=told, longest_gap=gap).status is status
    assert patience(gap) >= LOST_AFTER_S


def _poll_until(follower: ForeignFollower, reached: object) -> None:
    deadline = time.monotonic() + 20
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline
        follower.poll()
        time.sleep(0.01)
