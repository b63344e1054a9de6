"""``guard show``: everything about one run on one page, and what is wrong when there is none."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from guardrun.cli.main import run
from run_factory import RunWriter


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("guardtui.glyphs.locale.getpreferredencoding", lambda _: "UTF-8")


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    made = RunWriter(tmp_path / "runs", "digits", suffix="digits_0001", group="seeds", t=time.time() - 600)
    made.launch(
        config={"name": "digits", "cost": {"per_hour": 3.6, "currency": "USD"}},
        git={"commit": "0123456789abcdef", "branch": "main", "dirty": True},
        environment={"python": "3.11.7"},
    )
    made.start(total_steps=400)
    made.supervise()
    made.event("seeds", seed=42, python=42, numpy=42, torch=42, deterministic=True)
    made.event("data", name="train", count=50000, sha256="f" * 64)
    made.train(200)
    made.evaluate(**{"val/loss": 0.4321})
    made.checkpoint(metric=0.4321)
    path = f"checkpoints/step-{made.step}-a1"
    made.event("checkpoint", file="supervisor.jsonl", role="best", path=path, verified=True, level="full")
    made.signal("overfit", severity="act", action="stop")
    return made


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["show", *arguments]) == code, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_page_says_what_a_person_wants_to_know(
    writer: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    page = shown(capsys, str(writer.paths.root))

    for words in (
        "● running  digits  group seeds",
        "step 200 of 400 (50%) · epoch 3 of 10",
        "val/loss ↓ · best 0.4321 at step 200 · last 0.4321",
        "best  checkpoints/step-200-a1 · 0.4321 · 1.2 MB · ✓ verified",
        "last  checkpoints/step-200-a1 · 0.4321 · 1.2 MB · not proved yet",
        "▲ act overfit  step 200 (from step 100), stops the run",
        "validation loss rises while training loss falls",
        "why:    val loss 0.6100, best 0.4200, evaluations 5",
        "do:     stop here; use the best checkpoint",
        "seeds        42 (python, numpy, torch) · deterministic",
        "train · 50,000 samples · sha256 ffffffffffff",
        "Python 3.11.7",
        "0123456789ab on main · uncommitted changes, kept in git.diff",
        "python train.py",
        "0.010 USD",
        "guard stop",
    ):
        assert words in page, page
    assert all(len(line) <= 80 for line in page.splitlines())


def test_a_stopped_run_says_why_and_how_to_go_on(
    writer: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.stage("requested")
    writer.stage("gone")
    writer.end("stopped", "stop:cli")
    writer.event(
        "run_end", file="supervisor.jsonl", status="stopped", reason="stop:cli", exit_code=0, attempt=1
    )

    page = shown(capsys, str(writer.paths.root))

    assert "■ stopped  digits" in page
    assert "asked for by `guard stop`" in page
    assert "requested 0.0s · gone 0.2s" in page
    assert f"guard run --resume {writer.paths.root.name}" in page


def test_a_failed_run_says_what_failed_and_tells_its_exit_code_once(
    writer: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.end("failed", "exit code 3", error="sys.exit(3) in the middle \x1b[2J of the run", attempt=1)
    writer.event(
        "run_end", file="supervisor.jsonl", status="failed", reason="exit code 3", exit_code=3, attempt=1
    )

    page = shown(capsys, str(writer.paths.root))

    assert page.count("exit code 3") == 1
    assert "sys.exit(3) in the middle" in page
    assert "\x1b[2J" not in page


@pytest.mark.parametrize(
    ("price", "told"), [(0.15, "0.0004 USD"), (0.00001, "below 0.0001 USD"), (0, "0.00 USD")]
)
def test_a_small_cost_does_not_look_like_none(
    tmp_path: Path, price: float, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = RunWriter(tmp_path / "runs", suffix="cheap_0001")
    made.launch(config={"name": "cheap", "cost": {"per_hour": price, "currency": "USD"}})
    made.start(total_steps=200)
    made.train(200)
    made.evaluate(**{"val/loss": 0.5})
    made.end()

    assert f"cost         {told}" in shown(capsys, str(made.paths.root))


def test_attempts_are_listed_once_there_are_several(
    writer: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.end("stopped", "stop:cli")
    writer.event("header", attempt=2)
    writer.event("resume", attempt=2, step=150, **{"from": "checkpoints/step-150-a1"})

    page = shown(capsys, str(writer.paths.root))

    assert re.search(r"attempts +1  \d{4}-.* from step 0 · .*stopped: asked", page)
    assert re.search(r" 2  \d{4}-.* from step 150", page)


def test_bad_lines_and_dropped_events_are_told(writer: RunWriter, capsys: pytest.CaptureFixture[str]) -> None:
    with open(writer.paths.events(), "ab") as file:
        file.write(b"garbage\n" * 3)
    writer.event("note", text="the disk is full", dropped=12)

    page = shown(capsys, str(writer.paths.root))

    assert "3 lines could not be read" in page
    assert "12 events could not be written" in page
    assert "the disk is full" in page


def test_a_damaged_checkpoint_and_one_that_cannot_be_made_are_told(
    writer: RunWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage = {
        "role": "last",
        "path": f"checkpoints/step-{writer.step}-a1",
        "verified": False,
        "problem": "rank0.pt",
    }
    writer.event("checkpoint", file="supervisor.jsonl", **damage)
    assert "✗ damaged: rank0.pt" in " ".join(shown(capsys, str(writer.paths.root)).split())

    other = RunWriter(tmp_path / "runs", suffix="0002", t=time.time() - 60)
    other.start(can_save=False)
    assert "guard cannot save this run" in shown(capsys, str(other.paths.root))


def test_signals_judged_by_the_reader_are_labelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = RunWriter(tmp_path, t=time.time() - 60)
    alone.start()
    alone.train(20)
    alone.train(100, **{"train/loss": float("nan")})

    page = shown(capsys, str(alone.paths.root))

    assert "act nan" in page
    assert all(len(line) <= 80 for line in page.splitlines())
    assert "judged now, by this command" in page


def test_json_is_the_promised_shape_alone(
    writer: RunWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(capsys, str(writer.paths.root), "--json", "--json-file", str(tmp_path / "x.json"))

    document = json.loads(out)
    assert document["run_id"] == writer.paths.root.name
    assert document["checkpoints"]["best"]["verified"] is True
    assert document["signals"][0]["evidence"]["evaluations"] == 5
    assert json.loads((tmp_path / "x.json").read_text()) == document


def test_json_to_a_place_that_cannot_be_written_is_an_error(
    writer: RunWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    assert run(["show", str(writer.paths.root), "--json-file", str(tmp_path / "file/x.json")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_fail_on(writer: RunWriter) -> None:
    assert run(["show", str(writer.paths.root), "--fail-on", "act"]) == 4
    writer.signal("overfit", severity="act", state="cleared", cleared_at=200)
    assert run(["show", str(writer.paths.root), "--fail-on", "act"]) == 0


def test_a_run_is_found_by_name_below_the_runs_folder(
    writer: RunWriter, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(writer.paths.root.parents[1])
    assert "digits" in shown(capsys, "digits")
    monkeypatch.chdir("/")
    assert "digits" in shown(capsys, "digits_0001", "--runs-dir", str(writer.paths.root.parent))


@pytest.mark.parametrize(
    ("spec", "told"),
    [("digist", "digits_0001"), ("nothing-like-it", "no run 'nothing-like-it'"), ("no/such", "no such path"),
     (".", "is not a run directory")],
)  # fmt: skip
def test_what_is_no_run_ends_with_two_and_a_way_out(
    writer: RunWriter,
    spec: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(writer.paths.root.parents[1])

    assert run(["show", spec]) == 2
    error = capsys.readouterr().err
    assert error.startswith("guard: ")
    assert told in error


def test_several_runs_of_one_name_are_listed(
    writer: RunWriter, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    RunWriter(writer.paths.root.parent, "digits", suffix="digits_0002").start()
    monkeypatch.chdir(writer.paths.root.parents[1])

    assert run(["show", "digits"]) == 2
    error = capsys.readouterr().err
    assert "means 2 runs" in error
    assert "digits_0002" in error


def test_a_run_that_may_not_be_read_is_an_error(
    writer: RunWriter, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guardrun.cli.show.os.access", lambda *_: False)

    assert run(["show", str(writer.paths.root)]) == 2
    assert "permission denied" in capsys.readouterr().err


def test_the_configuration_is_printed_as_it_was_used(
    writer: RunWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 'cost: {"per_hour":3.6,"currency":"USD"}' in shown(capsys, str(writer.paths.root), "--config")
    writer.paths.config_yaml.write_text("name: digits\n# \x1b[31mcomment\n")
    assert shown(capsys, str(writer.paths.root), "--config") == "name: digits\n# comment\n"
    assert json.loads(shown(capsys, str(writer.paths.root), "--config", "--json"))["name"] == "digits"

    alone = RunWriter(tmp_path, suffix="0009")
    alone.start()
    assert run(["show", str(alone.paths.root), "--config"]) == 2


META = {
    "schema": 1, "step": 120, "epoch": 2, "attempt": 1, "run_id": "x_digits", "time": 1.764e9,
    "metrics": {"val/loss": 0.4, "val/accuracy": 0.9}, "monitor": {"name": "val/loss", "mode": "min"},
    "metric": 0.4, "commit": "0123456789abcdef", "dirty": True, "config_sha256": "c" * 64,
    "data": {"train": "d" * 64}, "world_size": 2,
    "files": [{"path": "rank0.pt", "sha256": "a" * 64, "bytes": 4, "external": False},
              {"path": "rank1.pt", "sha256": "b" * 64, "bytes": 4, "external": False},
              {"path": "gone.pt", "sha256": "b" * 64, "bytes": 4, "external": False}],
    "position": {"epoch": 2, "batch": 7, "step": 120},
}  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints/step-120-a1"
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps(META))
    (folder / "rank0.pt").write_bytes(b"four")
    (folder / "rank1.pt").write_bytes(b"longer than four")
    return folder


def test_a_checkpoint_is_told_from_its_meta_without_unpickling(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files here are no pickles at all."""
    page = shown(capsys, str(checkpoint))

    for words in (
        "checkpoint step-120-a1", "step 120 · epoch 3 · attempt 1", "val/loss 0.4000", "val/accuracy 0.9000",
        "0123456789ab with uncommitted changes", "train · sha256 dddddddddddd",
        "rank0.pt · 4 B · sha256 aaaaaaaaaaaa · ✓ there", "rank1.pt · 4 B · sha256 bbbbbbbbbbbb · ✗ has 16 B",
        "gone.pt · 4 B · sha256 bbbbbbbbbbbb · ✗ missing",
    ):  # fmt: skip
        assert words in page, page


def test_a_checkpoint_as_json_and_by_the_link_that_names_it(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkpoint.parent / "best").symlink_to("step-120-a1")

    document = json.loads(shown(capsys, str(checkpoint.parent / "best"), "--json"))

    assert document["meta"] == META


def test_a_checkpoint_with_garbage_for_a_meta(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkpoint / "meta.json").write_text("{")
    assert run(["show", str(checkpoint)]) == 2
    assert "not readable JSON" in capsys.readouterr().err
    (checkpoint / "meta.json").write_text(
        '{"files": [3, {"path": 7}], "metrics": [], "step": "x", "time": 1e300}'
    )
    assert "step unknown" in shown(capsys, str(checkpoint))


def test_text_from_a_run_cannot_act_on_the_terminal(
    writer: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[2J\x1b]0;x\x07\u202eevil\r\n\x9b31m"
    body = json.loads(writer.paths.run_json.read_text())
    writer.paths.run_json.write_text(json.dumps({**body, "name": evil, "group": evil}))
    writer.launch(
        command=[evil], git={"commit": evil, "branch": evil}, environment={"python": evil}, host=evil
    )
    writer.signal(evil, message=evil, advice=evil, evidence={evil: evil})
    writer.event("note", text=evil)
    writer.event("data", name=evil, sha256=evil)
    writer.event("run_end", status="failed", reason=evil, error=evil)

    page = shown(capsys, str(writer.paths.root))

    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", page) is None


@pytest.mark.parametrize("command", [["show"], ["stop"], ["watch", "--once"], ["run", "--resume"], ["ls"]])
def test_a_run_in_a_folder_that_may_not_be_entered_is_told_in_one_line(
    command: list[str], writer: RunWriter, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, real = str(writer.paths.root), os.stat

    def refusing(path: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(root):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(os, "stat", refusing)

    assert run([*command, root]) == 2
    assert capsys.readouterr().err == f"guard: {root} cannot be read: permission denied\n"


def test_a_machine_that_refuses_is_told_without_a_traceback(
    writer: RunWriter, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere/file")

    monkeypatch.setattr("guardrun.cli.show._followed", full)

    assert run(["show", str(writer.paths.root)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "guard: /somewhere/file: No space left on device",
        "       make room on that disk, or use another place",
    ]


def test_the_saved_stacks_are_named_and_no_link_out_of_the_run(
    writer: RunWriter, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = writer.paths.root
    assert json.loads(shown(capsys, str(root), "--json"))["stacks"] == []

    folder = root / "stacks"
    folder.mkdir()
    saved = [f"2026-11-29_12-00-00.rank{rank}.txt" for rank in (0, 1)]
    for name in (*saved, "raw.rank0.txt", "notes.txt"):
        (folder / name).write_text("Thread 0x1 (most recent call first):")
    (folder / "2026-11-29_12-00-00.rank2.txt").symlink_to("/etc/hostname")
    (folder / "2026-11-29_12-00-00.rank3.txt").mkdir()

    assert json.loads(shown(capsys, str(root), "--json"))["stacks"] == [f"stacks/{name}" for name in saved]
    assert f"  stacks/{saved[1]}" in shown(capsys, str(root)).splitlines()

    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert json.loads(shown(capsys, str(root), "--json"))["stacks"] == []
