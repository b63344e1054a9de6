"""``guard ls``: one line a run, worst signal first, on any width, for people and for programs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guardrun.cli.main import run
from run_factory import RunWriter


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("guardtui.glyphs.locale.getpreferredencoding", lambda _: "UTF-8")


def make(runs: Path, name: str, number: int, *, seconds_ago: float = 60) -> RunWriter:
    writer = RunWriter(runs, name, suffix=f"{name}_{number:04x}", t=time.time() - seconds_ago)
    writer.start(total_steps=200)
    writer.train(100, seconds=0.01)
    writer.evaluate(**{"val/loss": 0.4321})
    return writer


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    make(folder, "healthy", 1).end()
    overfitting = make(folder, "overfitting", 2)
    overfitting.supervise()
    overfitting.signal("overfit", severity="warn")
    exploding = make(folder, "exploding", 3, seconds_ago=3600)
    exploding.supervise()
    exploding.signal(
        "loss_explosion", severity="act", action="abort", message="the loss rose from 2 to 4,000"
    )
    exploding.end("aborted", "abort:loss_explosion")
    make(folder, "running", 4)
    return folder


def test_the_worst_signal_comes_first_and_lines_fit_eighty_columns(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", str(runs)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == [
        "exploding_0003", "overfitting_0002", "running_0004", "healthy_0001",
    ]  # fmt: skip
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].split() == [
        "▲", "aborted", "exploding_0003", "50%", "0.4321", "▲", "loss_explosion", "59m",
    ]  # fmt: skip
    assert lines[4].split()[:5] == ["✓", "finished", "healthy_0001", "50%", "0.4321"]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(
    runs: Path, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below some 70 columns the narrowest table is wider than the screen; it never grows beyond that."""
    monkeypatch.setenv("COLUMNS", str(width))
    run(["ls", str(runs)])

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= max(width, 72)


def test_a_wide_terminal_has_room_for_the_message(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    run(["ls", str(runs)])

    assert "the loss rose from 2 to 4,000" in capsys.readouterr().out


def test_json_is_one_document_and_a_file_gets_it_as_well(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", str(runs), "--json", "--json-file", str(tmp_path / "runs.json")]) == 0

    printed = capsys.readouterr().out
    shown = json.loads(printed)
    assert [r["name"] for r in shown["runs"]] == ["exploding", "overfitting", "running", "healthy"]
    assert shown["runs"][0]["signals"][0]["severity"] == "act"
    assert json.loads((tmp_path / "runs.json").read_text()) == shown


@pytest.mark.parametrize(("severity", "code"), [("act", 4), ("warn", 4), ("info", 4)])
def test_fail_on_a_standing_signal(runs: Path, severity: str, code: int) -> None:
    assert run(["ls", str(runs), "--fail-on", severity]) == code


def test_fail_on_ignores_what_is_weaker_or_cleared(tmp_path: Path) -> None:
    writer = make(tmp_path, "one", 1)
    writer.supervise()
    writer.signal("overfit", severity="warn")
    writer.signal("nan", severity="act")
    writer.signal("nan", severity="act", state="cleared", cleared_at=90)

    assert run(["ls", str(tmp_path), "--fail-on", "act"]) == 0
    assert run(["ls", str(tmp_path), "--fail-on", "warn"]) == 4


def test_the_default_is_the_folder_of_runs(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs.parent)
    assert run(["ls"]) == 0
    assert "healthy" in capsys.readouterr().out
    monkeypatch.setenv("GUARDRUN_RUNS_DIR", str(runs))
    monkeypatch.chdir("/")
    assert run(["ls"]) == 0


def test_no_runs_yet_says_how_to_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["ls"]) == 2
    told = capsys.readouterr().err
    assert "no runs yet" in told
    assert "guard run" in told


def test_a_path_that_is_not_there_and_a_folder_without_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", str(tmp_path / "missing")]) == 2
    assert "no such path" in capsys.readouterr().err
    assert run(["ls", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no runs below {tmp_path}\n"


def test_a_folder_that_may_not_be_read_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guardrun.reading.discovery.os.access", lambda *_: False)

    assert run(["ls", str(tmp_path)]) == 2
    assert "permission denied" in capsys.readouterr().err


def test_text_from_runs_cannot_act_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = make(tmp_path, "one", 1)
    writer.paths.run_json.write_text(json.dumps({"id": "\x1b[2Jevil\u202e", "name": "x"}))
    writer.supervise()
    writer.signal("\x1b]0;title\x07", message="\x1b[31mred")

    run(["ls", str(tmp_path)])

    shown = capsys.readouterr().out
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown) is None


@pytest.mark.terminal
@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_come_only_on_a_terminal_and_by_leave(
    runs: Path, environment: dict[str, str], coloured: bool
) -> None:
    command = [sys.executable, "-m", "guardrun.cli.main", "ls", str(runs)]
    ours, theirs = pty.openpty()
    done = subprocess.run(
        command, stdout=theirs, check=True, env={**os.environ, "TERM": "xterm", **environment}, timeout=60
    )
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)

    assert done.returncode == 0
    assert (b"\x1b[31" in shown) == coloured
    assert b"\x1b" not in subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def test_shapes_are_letters_where_the_locale_knows_no_others(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARD_ASCII", "1")
    run(["ls", str(runs)])

    out = capsys.readouterr().out
    assert out.replace("…", "").replace("–", "").isascii()
    assert os.environ["GUARD_ASCII"] == "1"
