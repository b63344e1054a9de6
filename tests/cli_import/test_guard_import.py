"""``guard import``: logs of other tools become run directories, whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guardrun.cli.main import run
from run_factory import RunWriter

CSV = "epoch,step,train_loss,val_loss\n0,10,0.5,\n0,10,,0.75\n1,20,nan,\n1,20,,0.5\n"
OTHER = "epoch,step,train_loss,val_loss\n0,10,0.5,\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "logs/my_run/metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_text(CSV)
    return path


def imported(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run(["import", *arguments, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["runs"]
    return found


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def runs() -> list[Path]:
    return sorted(Path("runs").iterdir())


def test_an_imported_run_is_shown_beside_our_own(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = RunWriter(Path("runs"), "ours", suffix="ours_0001", t=time.time() - 60)
    ours.start(total_steps=10)
    ours.train(10, seconds=0.01)
    ours.end()
    (found,) = imported(capsys, "logs")
    listed = {each["name"]: each for each in shown(capsys, "ls")["runs"]}
    assert set(listed) == {"ours", "my_run"}

    state = shown(capsys, "show", found["run_id"])
    assert (state["status"], state["reason"], state["step"]) == ("finished", "imported", 20)
    assert state["monitor"] == {"name": "val/loss", "mode": "min", "last": 0.5, "best": 0.5, "best_step": 20}

    assert run(["show", found["run_id"]]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "imported from" in page
    assert "Lightning CSV" in page
    assert "of training" not in page, "the log tells no times"
    assert run(["watch", "--once", "runs"]) == 0
    assert "my_run" in capsys.readouterr().out


def test_a_run_keeps_the_time_of_its_training(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its id sorts it where it belongs, and its age is that of the log."""
    os.utime(log, (1.6e9, 1.6e9))
    (found,) = imported(capsys, str(log))
    assert found["run_id"].startswith(time.strftime("%Y-%m-%d_", time.localtime(1.6e9)))
    identity = json.loads((Path(found["path"]) / "run.json").read_text())
    assert identity["created"] == 1.6e9
    assert identity["imported"]["source"] == str(log)
    end = json.loads((Path(found["path"]) / "events.jsonl").read_text().splitlines()[-1])
    assert (end["kind"], end["t"], end["reason"]) == ("run_end", 1.6e9, "imported")


def test_one_line_is_printed_for_each_run(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = log.parent.parent / "second/metrics.csv"
    second.parent.mkdir()
    second.write_text(OTHER + "torn\n")
    assert run(["import", "logs", "--group", "mine"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "Lightning CSV" in line and line.startswith("runs/")] == lines[:2]
    assert lines[2] == "  1 line is not Lightning CSV and was skipped"
    assert {each["group"] for each in shown(capsys, "ls")["runs"]} == {"mine"}


def test_the_same_log_is_imported_once(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first,) = imported(capsys, str(log))
    before = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*")}
    (second,) = imported(capsys, "logs/my_run/../my_run/metrics.csv")
    assert (second["outcome"], second["path"]) == ("unchanged", first["path"])
    assert {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*")} == before
    (once,) = imported(capsys, str(log), str(log))
    assert once["outcome"] == "unchanged"


def test_a_log_that_grew_refreshes_its_run(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first,) = imported(capsys, str(log))
    log.write_text(CSV + "2,30,0.25,\n")
    (second,) = imported(capsys, str(log))
    assert (second["outcome"], second["path"]) == ("refreshed", first["path"])
    assert shown(capsys, "show", first["run_id"])["step"] == 30
    assert len(runs()) == 1
    (third,) = imported(capsys, str(log), "--map", "train/loss=val_loss")
    assert third["outcome"] == "refreshed"
    (fourth,) = imported(capsys, str(log), "--map", "train/loss=val_loss", "--name", "other")
    assert fourth["outcome"] == "refreshed"
    assert shown(capsys, "show", first["run_id"])["name"] == "other"
    (fifth,) = imported(capsys, str(log), "--map", "train/loss=val_loss", "--name", "other")
    assert fifth["outcome"] == "unchanged"


def test_columns_are_mapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("odd.csv").write_text("n,mine,yours\n1,0.5,0.75\n2,0.25,0.5\n")
    assert run(["import", "odd.csv"]) == 2
    told = capsys.readouterr().err
    assert "no column of it is known" in told
    assert "mine, n, yours" in told
    (found,) = imported(
        capsys, "odd.csv", "--map", "train/loss=mine", "--map", "val/loss=yours", "--map", "step=n"
    )
    assert found["monitor"] == {"name": "val/loss", "mode": "min"}
    assert shown(capsys, "show", found["run_id"])["step"] == 2


@pytest.mark.parametrize("pair", ["train/loss", "=x", "train/loss=", ""])
def test_a_mapping_that_is_none_is_a_usage_error(
    log: Path, pair: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", str(log), "--map", pair]) == 2
    assert "not of the form NAME=COLUMN" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_nothing_is_imported_when_one_source_cannot_be_read(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("diary.txt").write_text("Dear diary\n")
    assert run(["import", str(log), "diary.txt"]) == 2
    assert "diary.txt is in no format" in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_an_import_that_breaks_off_leaves_nothing_behind(
    log: Path, failure: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the run it was at; those before it stand. The old events stand when a refresh breaks off."""
    (first,) = imported(capsys, str(log))
    events = (Path(first["path"]) / "events.jsonl").read_bytes()
    log.write_text(CSV + "2,30,0.25,\n")
    second = log.parent.parent / "second.csv"
    second.write_text(OTHER)

    def broken(*_: object, **__: object) -> Any:
        yield b'{"seq":0,"kind":"header"}\n'
        raise failure

    monkeypatch.setattr("guardrun.cli.importing.event_lines", broken)
    for source in (log, second):
        assert run(["import", str(source)]) == (130 if isinstance(failure, KeyboardInterrupt) else 2)
    told = capsys.readouterr().err
    assert isinstance(failure, KeyboardInterrupt) or "into runs: No space left on device" in told
    assert [path.name for path in runs()] == [first["run_id"]]
    assert (Path(first["path"]) / "events.jsonl").read_bytes() == events
    assert {path.name for path in Path(first["path"]).iterdir()} == {"attempts", "events.jsonl", "run.json"}


def test_what_a_killed_import_left_behind_is_no_run_and_goes_after_a_day(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, hours in ((".importing-1-old", 25), (".importing-2-new", 1)):
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        (folder / "events.jsonl").touch()
        os.utime(folder, (time.time() - hours * 3600,) * 2)
    imported(capsys, str(log))
    assert len(shown(capsys, "ls")["runs"]) == 1
    assert {path.name for path in runs() if path.name[0] == "."} == {".importing-2-new"}


def test_a_run_that_another_took_the_name_of_gets_another(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = iter(["taken", "free"])
    monkeypatch.setattr("guardrun.cli.importing.new_run_id", lambda *_: next(ids))
    (Path("runs") / "taken/checkpoints").mkdir(parents=True)
    (found,) = imported(capsys, str(log))
    assert found["run_id"] == "free"
    assert [path.name for path in (Path("runs") / "taken").iterdir()] == ["checkpoints"]
    assert json.loads((Path("runs") / "free/run.json").read_text())["id"] == "free"


def test_what_the_log_states_is_the_runs_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    losses = {"train_losses": [2.0, 1.0], "test_losses": [2.0, 1.5], "num_epochs": 1}
    Path("run.json").write_text(json.dumps({**losses, "batch_size": 50, "random_seed": 7}))
    (found,) = imported(capsys, "run.json", "--name", "mine")
    config = json.loads((Path(found["path"]) / "attempts/1.json").read_text())["config"]
    assert (config["name"], config["seed"], config["params"]["batch_size"]) == ("mine", 7, 50)
    assert config["monitor"] == {"metric": "val/loss", "mode": "min"}
    assert shown(capsys, "show", "mine")["reason"] == "completed"


def test_names_and_paths_of_a_log_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a\x1b[31mb.csv").write_text(OTHER)
    assert run(["import", "a\x1b[31mb.csv"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_file_where_the_runs_should_go_is_refused(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").write_text("not a folder")
    assert run(["import", str(log)]) == 2
    told = capsys.readouterr().err
    assert "cannot write a run into runs: File exists" in told
    assert "--to" in told
    assert run(["import", str(log), "--to", "/proc/nowhere"]) == 2
    assert "cannot write a run into /proc/nowhere" in capsys.readouterr().err


def test_restarts_in_one_log_are_attempts_of_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    Path("log.csv").write_text("step,loss\n" + "".join(f"{n},1\n" for n in (10, 20, 30, 20, 30, 40)))
    (found,) = imported(capsys, "log.csv")
    state = shown(capsys, "show", found["run_id"])
    assert (state["attempt"], state["step"], state["status"]) == (2, 40, "finished")


def test_of_two_imports_at_once_the_second_finds_what_the_first_made(tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / f"logs/run{number}/metrics.csv"
        path.parent.mkdir(parents=True)
        path.write_text(CSV)
    line = [sys.executable, "-m", "guardrun.cli.main", "import", "logs", "--json"]
    both = [subprocess.Popen(line, stdout=subprocess.PIPE) for _ in range(2)]
    outcomes = [{each["outcome"] for each in json.loads(p.communicate()[0])["runs"]} for p in both]
    assert sorted(outcomes, key=sorted) == [{"imported"}, {"unchanged"}]
    assert len(runs()) == 40


def test_an_import_does_not_wait_for_ever_for_another(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guardrun.cli.importing._WAIT_S", 0.1)
    Path("runs").mkdir()
    other = os.open("runs", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        assert run(["import", str(log)]) == 2
    finally:
        os.close(other)
    assert "another import is writing into runs" in capsys.readouterr().err
    assert run(["import", str(log)]) == 0
