"""The supervisor's own log: made anew when its directory vanishes, and never outside of the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from guardrun.events.remembered import RememberedFolder
from guardrun.supervising import event_log
from guardrun.supervising.event_log import EventLog


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EventLog:
    monkeypatch.setattr(event_log, "_LOOK_S", 0.0)
    folder = tmp_path / "run"
    folder.mkdir(mode=0o750)
    made = EventLog(folder / "supervisor.jsonl", writer="supervisor", run_id="run", attempt=1)
    made.write("note", text="before")
    return made


@pytest.mark.parametrize("how", ["moved", "deleted", "file only"])
def test_a_log_whose_place_vanished_begins_anew_there(tmp_path: Path, log: EventLog, how: str) -> None:
    folder = tmp_path / "run"
    if how == "moved":
        folder.rename(tmp_path / "elsewhere")
    elif how == "deleted":
        shutil.rmtree(folder)
    else:
        (folder / "supervisor.jsonl").unlink()

    log.write("note", text="after")
    log.write("run_end", status="finished")

    told = lines(folder / "supervisor.jsonl")
    assert [event["kind"] for event in told] == ["header", "note", "note", "run_end"]
    assert "moved or deleted" in told[1]["text"]
    assert log.dropped == 0
    assert folder.stat().st_mode & 0o7777 == 0o750


def test_a_place_that_cannot_be_made_costs_events_and_nothing_else(tmp_path: Path, log: EventLog) -> None:
    folder = tmp_path / "run"
    shutil.rmtree(folder)
    folder.write_text("a file in the folder's place")

    log.write("note", text="lost")
    assert log.dropped == 1

    folder.unlink()
    folder.mkdir()
    log.write("note", text="after")
    assert [event["kind"] for event in lines(folder / "supervisor.jsonl")] == ["header", "note"]


def test_a_link_in_the_logs_place_is_not_written_through(tmp_path: Path, log: EventLog) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    place = tmp_path / "run" / "supervisor.jsonl"
    place.unlink()
    place.symlink_to(outside)

    log.write("note", text="after")

    assert outside.read_text() == "mine\n"
    assert log.dropped == 1


def test_what_makes_the_folder_a_run_is_made_anew_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "_LOOK_S", 0.0)
    folder = tmp_path / "run"
    (folder / "attempts").mkdir(parents=True)
    files = [folder / "run.json", folder / "attempts" / "1.json"]
    for file in files:
        file.write_text(f'{{"of": "{file.name}"}}')
    log = EventLog(
        folder / "supervisor.jsonl", writer="supervisor", run_id="run", attempt=1,
        folder=RememberedFolder(folder, files),
    )  # fmt: skip
    log.write("note", text="before")
    shutil.rmtree(folder)

    log.write("run_end", status="finished")

    assert [json.loads(file.read_text())["of"] for file in files] == ["run.json", "1.json"]
