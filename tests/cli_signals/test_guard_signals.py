"""``guard signals``: what would have been told and done, judged offline from runs and foreign logs."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from guardrun.cli.main import run
from guardrun.events.decode import decode
from guardrun.events.encode import encode
from guardrun.signals.engine import Engine, EngineSettings
from guardrun.signals.from_events import point_of
from run_factory import RunWriter

KEYS = {
    "source", "name", "format", "steps", "evaluations", "hours", "monitor", "mode", "train_loss", "verdict",
    "signals", "saved_fraction", "stop", "notes",
}  # fmt: skip
SIGNAL_KEYS = {
    "id", "severity", "action", "first_step", "raised_at", "cleared_at", "message", "evidence", "advice",
    "would_change", "would_do", "superseded_by", "acknowledged_at",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("guardtui.glyphs.locale.getpreferredencoding", lambda _: "UTF-8")


def make_run(folder: Path, losses: list[float], *, name: str = "digits", **config: Any) -> Path:
    writer = RunWriter(folder, name, suffix=name)
    writer.launch(config={"monitor": {"metric": "val/loss", "mode": "min"}, **config})
    writer.start(total_steps=len(losses))
    for step, loss in enumerate(losses, 1):
        writer.step = step
        writer.event("metrics", after=1.0, step=step, epoch=0, **{"train/loss": loss, "lr": 0.1})
        if step % 20 == 0:
            writer.evaluate(**{"val/loss": 1.1 * loss})
    root: Path = writer.paths.root
    return root


def decay(steps: int) -> list[float]:
    return [0.2 + 2 * math.exp(-step / 40) + 0.01 * math.sin(step * 1.7) for step in range(steps)]


def exploding(steps: int = 200, at: int = 80) -> list[float]:
    return [loss if step < at else 5000.0 + step for step, loss in enumerate(decay(steps))]


def csv(path: Path, losses: list[float], val: list[float]) -> Path:
    """A log as Keras' CSVLogger writes it."""
    rows = [f"{epoch},{a},{b}" for epoch, (a, b) in enumerate(zip(losses, val, strict=True))]
    path.write_text("\n".join(["epoch,loss,val_loss", *rows]) + "\n")
    return path


def overfitting_csv(path: Path, *, recovers_to: float | None = None) -> Path:
    """Validation falls for 20 epochs, then drifts up for 60, smoothly; perhaps it falls again after that."""
    val = [1.0 - 0.03 * e for e in range(20)] + [0.43 + 0.008 * e for e in range(60)]
    if recovers_to is not None:
        val += [0.9 - (0.9 - recovers_to) * e / 20 for e in range(21)]
    return csv(path, [1.0 / (1 + e) for e in range(len(val))], val)


def judged(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert run(["signals", *arguments, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_a_run_directory_is_judged_with_the_step_and_the_share_that_would_have_been_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = judged(capsys, str(make_run(tmp_path, exploding())))

    assert set(shown) == KEYS
    assert all(set(signal) == SIGNAL_KEYS for signal in shown["signals"])
    assert (shown["format"], shown["steps"], shown["verdict"]) == ("guard run", 200, "abort")
    stop = shown["stop"]
    assert stop["signal"] == "loss_explosion"
    assert 80 < stop["step"] < 160
    assert shown["saved_fraction"] == pytest.approx(1 - stop["step"] / 200)
    assert stop["saved_hours"] == pytest.approx((200 - stop["step"]) / 3600, rel=0.05)
    assert stop["later"]["wrong"] is False


def test_a_healthy_run_is_ok_and_saves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = judged(capsys, str(make_run(tmp_path, decay(200))), "--fail-on", "info")

    assert (shown["verdict"], shown["saved_fraction"], shown["stop"]) == ("ok", None, None)


def test_a_foreign_log_is_judged_and_a_right_stop_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = overfitting_csv(tmp_path / "log.csv")
    assert judged(capsys, str(log))["verdict"] == "stop"

    assert run(["signals", str(log)]) == 0

    page = " ".join(capsys.readouterr().out.split())
    assert "would have stopped here at step" in page
    assert "of the run saved" in page
    assert "right: val/loss never beat its 0.4300 again" in page


def test_a_stop_that_would_have_been_wrong_is_called_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = overfitting_csv(tmp_path / "log.csv", recovers_to=0.301)
    later = judged(capsys, str(log))["stop"]["later"]
    assert later["wrong"] is True
    assert later["gain"] == pytest.approx(0.3, abs=0.001)

    run(["signals", str(log)])

    page = " ".join(capsys.readouterr().out.split())
    assert "it would have been wrong: val/loss improved 30% later, 0.4300 to 0.3010" in page


def test_an_observed_signal_tells_what_would_have_been_done_and_does_not_count_as_saving(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(tmp_path, exploding(), policy={"loss_explosion": "observe"})
    shown = judged(capsys, str(path))

    assert (shown["verdict"], shown["saved_fraction"]) == ("watch", None)
    assert shown["stop"]["only_observed"] is True
    assert shown["stop"]["action"] == "abort"
    run(["signals", str(path)])
    page = " ".join(capsys.readouterr().out.split())
    assert "if loss_explosion were not only observed" in page
    assert "observed: would have aborted here" in page


def test_a_policy_can_be_tried_before_it_is_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(make_run(tmp_path, exploding()))

    assert judged(capsys, path, "--policy", "loss_explosion=warn")["verdict"] == "watch"
    assert judged(capsys, path, "--policy", "loss_explosion=stop")["verdict"] == "stop"


def test_several_curves_come_as_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "runs", decay(60), name="one")
    make_run(tmp_path / "runs", exploding(), name="two")

    shown = judged(capsys, str(tmp_path / "runs"))

    assert [each["name"] for each in shown["sources"]] == ["one", "two"]
    assert [each["verdict"] for each in shown["sources"]] == ["ok", "abort"]


def test_a_broken_file_among_several_is_told_and_the_others_are_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = overfitting_csv(tmp_path / "good.csv")
    broken = tmp_path / "broken.json"
    broken.write_text('{"log_history": [{"loss": 1.0, "step"')

    assert run(["signals", str(broken), str(log), "--json"]) == 2

    said = capsys.readouterr()
    assert [each["verdict"] for each in json.loads(said.out)["sources"]] == ["stop"]
    assert str(broken) in json.loads(said.out)["problems"][0]["source"]
    assert "broken.json" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere/at/all"], "no such file or folder"),
        (["no_such_run"], "no run 'no_such_run'"),
        (["{log}", "--policy", "overfitt=stop"], "did you mean overfit?"),
        (["{log}", "--policy", "overfit=halt"], "an action is one of off"),
        (["{log}", "--policy", "overfit"], "expected NAME=VALUE"),
        (["{log}", "--monitor", "val/f1"], "its metrics: val/loss"),
        (["{log}", "--map", "train/loss=nothing"], "has no column 'nothing'"),
        (["{run}", "--map", "train/loss=loss"], "is a run directory"),
        (["{log}", "--format", "run"], "is no run directory"),
        (["{text}"], "in no format that guard reads"),
        ([""], "a PATH is empty"),
    ],
)
def test_mistakes_are_told_in_words_with_exit_code_2(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "notes.txt"
    text.write_text("once upon a time\nthere was no log\n" * 20)
    places = {
        "{log}": str(overfitting_csv(tmp_path / "log.csv")), "{run}": str(make_run(tmp_path, decay(30))),
        "{text}": str(text),
    }  # fmt: skip

    assert run(["signals", *(places.get(word, word) for word in arguments)]) == 2

    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("level", "policy", "code"),
    [("act", "abort", 4), ("info", "abort", 4), ("warn", "warn", 4), ("act", "off", 0)],
)
def test_fail_on_ends_with_4_when_something_stands_or_would_have_ended_the_run(
    level: str, policy: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(tmp_path, exploding())

    off = ["--policy", "loss_spike=off", "--policy", "collapse=off"]
    assert (
        run(["signals", str(path), "--policy", f"loss_explosion={policy}", *off, "--fail-on", level]) == code
    )


def test_the_training_loss_of_a_log_can_be_declared_as_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = str(overfitting_csv(tmp_path / "log.csv"))
    assert judged(capsys, log)["train_loss"] == "running"

    shown = judged(capsys, log, "--train-loss", "evaluated")

    assert shown["train_loss"] == "evaluated"
    assert shown["signals"][0]["evidence"]["metric"] == "val/loss"


def test_pages_fit_eighty_columns_and_many_logs_take_a_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(7):
        make_run(tmp_path, exploding(at=60 + number), name=f"a_rather_long_name_of_a_run_number_{number}")

    run(["signals", str(tmp_path)])
    table = capsys.readouterr().out.splitlines()
    run(["signals", *(str(path) for path in sorted(tmp_path.iterdir())[:2])])
    pages = capsys.readouterr().out.splitlines()

    assert max(map(len, table + pages)) <= 80
    assert len([line for line in table if line.startswith("▲ abort")]) == 7
    assert any("7 would have been ended early (0 wrongly)" in line for line in table)
    assert sum(line.lstrip().startswith("do:") for line in pages) == 2


@pytest.mark.parametrize("width", [40, 60, 120])
def test_no_line_is_wider_than_the_terminal_and_names_stay(
    width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for number in range(7):
        make_run(tmp_path, exploding(at=60 + number), name=f"run_{number}")

    run(["signals", str(tmp_path)])
    table = capsys.readouterr().out.splitlines()
    run(["signals", str(tmp_path / "2025-11-24_16-00-00_run_0")])
    page = capsys.readouterr().out.splitlines()

    assert max(map(len, table + page)) <= width
    assert all(any(f"run_{number}" in line for line in table) for number in range(7))


def test_the_document_can_go_to_a_file_beside_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "verdict.json"
    run(["signals", str(make_run(tmp_path, decay(40))), "--json-file", str(target)])

    assert json.loads(target.read_text())["verdict"] == "ok"
    assert "no signal was raised" in capsys.readouterr().out


def test_names_that_are_no_unicode_are_judged_and_told_readably(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/l\xf6g"))
    folder.mkdir()
    log = overfitting_csv(folder / "log.csv")

    shown = judged(capsys, str(log))

    assert shown["verdict"] == "stop"
    assert "/l" in shown["source"]


def test_offline_comes_to_what_a_live_engine_told_event_by_event_also_over_a_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(tmp_path, exploding(), name="resumed")
    lines = (path / "events.jsonl").read_bytes().splitlines()
    again = [line for line in lines if b'"kind":"metrics"' in line or b'"kind":"eval"' in line][:70]
    second = [
        {"kind": "header", "schema": 1, "attempt": 2}, {"kind": "resume", "attempt": 2, "step": 0},
    ]  # fmt: skip
    with open(path / "events.jsonl", "ab") as stream:
        stream.write(b"".join(encode(event) for event in second) + b"\n".join(again) + b"\n")

    live: list[tuple[str, str, int]] = []
    engine = Engine(EngineSettings())
    for line in (path / "events.jsonl").read_bytes().splitlines():
        event = decode(line)
        assert event is not None
        if event["kind"] == "resume":
            engine.resumed()
        point = point_of(event)
        told = [] if point is None else engine.feed(point)
        live += [(s.id, s.severity, s.raised_at) for s in told if s.cleared_at is None]

    offline = judged(capsys, str(path))["signals"]
    assert {(s["id"], s["severity"], s["raised_at"]) for s in offline} <= set(live)
    assert {s["id"] for s in offline} == {id for id, _, _ in live}
