"""``guard ack``: a person knows of a signal; it stays, counts no more, and comes back when it is news."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import guardrun
from guard_process import events, only_run, start_guard
from guardrun.cli.main import run
from guardrun.events.commands import ACKNOWLEDGE, send_command
from guardrun.following.run_follower import RunFollower
from guardrun.signals.model import Signal
from run_factory import RunWriter
from waiting import wait_for


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("guardtui.glyphs.locale.getpreferredencoding", lambda _: "UTF-8")


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    made = RunWriter(tmp_path / "runs", "digits", t=time.time() - 600)
    made.launch()
    made.start()
    made.supervise()
    made.train(50)
    made.signal("overfit", severity="warn")
    made.signal("stagnation", severity="info")
    return made


def signals_of(path: Path) -> dict[str, Signal]:
    follower = RunFollower(path)
    follower.catch_up()
    return {signal.id: signal for signal in follower.state().signals}


def test_a_run_that_is_over_keeps_the_acknowledgement_in_its_control_folder(
    writer: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is left to answer, and no viewer writes into a run's logs: the command file is the record."""
    writer.end()
    logs = {file: file.read_bytes() for file in writer.paths.root.glob("*.jsonl")}

    assert run(["ack", str(writer.paths.root), "overfit"]) == 0

    assert "acknowledged overfit" in capsys.readouterr().out
    assert signals_of(writer.paths.root)["overfit"].acknowledged_at == 50
    assert signals_of(writer.paths.root)["stagnation"].acknowledged_at is None
    assert {file: file.read_bytes() for file in writer.paths.root.glob("*.jsonl")} == logs


def test_what_is_acknowledged_is_not_the_worst_any_more_but_stays_on_the_page(
    writer: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.end()
    path, folder = str(writer.paths.root), str(writer.paths.root.parent)
    run(["ack", path, "overfit", "--json"])
    assert json.loads(capsys.readouterr().out)["signals"] == ["overfit"]

    run(["ls", folder])
    assert "· stagnation +1" in capsys.readouterr().out
    run(["ack", path])
    capsys.readouterr()
    run(["ls", folder])
    assert "overfit +1" in capsys.readouterr().out
    run(["show", path])
    page = capsys.readouterr().out
    assert page.count("acknowledged at 50") == 2
    assert run(["show", path, "--json", "--fail-on", "info"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [signal["acknowledged_at"] for signal in shown["signals"]] == [50, 50]
    assert run(["ack", path]) == 0
    assert "nothing to acknowledge" in capsys.readouterr().out


def test_a_signal_that_grows_worse_comes_back(writer: RunWriter) -> None:
    recorded: dict[str, Any] = {"state": "acknowledged", "acknowledged_at": 50, "via": "cli"}
    writer.signal("overfit", severity="warn", **recorded)
    assert signals_of(writer.paths.root)["overfit"].acknowledged_at == 50

    writer.train(10)
    writer.signal("overfit", severity="act", action="stop")

    worse = signals_of(writer.paths.root)["overfit"]
    assert (worse.severity, worse.acknowledged_at, worse.cleared_at) == ("act", None, None)


def test_a_signal_that_clears_and_comes_again_is_news(writer: RunWriter) -> None:
    """An old command file says nothing about what came after it, also once the run is over."""
    send_command(writer.paths, ACKNOWLEDGE, attempt=1, via="cli", signals={"overfit": 50})
    writer.train(10)
    writer.signal("overfit", state="cleared", cleared_at=60, raised_at=50)
    writer.train(10)
    writer.signal("overfit")
    writer.end()

    assert signals_of(writer.paths.root)["overfit"].acknowledged_at is None


def test_mistakes_are_told_in_words(writer: RunWriter, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ack", str(writer.paths.root), "nan"]) == 2
    assert "what stands: overfit, stagnation" in capsys.readouterr().err


def test_a_live_run_that_does_not_answer_leaves_the_request_pending(
    writer: RunWriter, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from guardrun.provenance.host import Lease

    monkeypatch.setattr("guardrun.cli.ack._WAIT_S", 0.3)
    lease = Lease(writer.paths.lease("trainer"))
    lease.take(1, rank=0)
    try:
        assert run(["ack", str(writer.paths.root)]) == 1
    finally:
        lease.release()
    assert "at its next step boundary" in capsys.readouterr().out
    assert len(os.listdir(writer.paths.control)) == 1


def test_the_training_answers_where_no_supervisor_watches(tmp_path: Path) -> None:
    asked = threading.Event()
    path = tmp_path / "runs"

    def ask() -> None:
        folder = only_run(path)
        wait_for(lambda: [s for s in signals_of(folder).values() if s.severity == "act"], 30, what="it")
        assert run(["ack", str(folder), "nan"]) == 0
        asked.set()

    asker = threading.Thread(target=ask)
    asker.start()
    with guardrun.start(runs_dir=path) as training:
        for step, _ in enumerate(training.steps(range(100_000))):
            training.log(loss=1.0 if step < 10 else float("nan"))
            time.sleep(0.01)
            if asked.is_set():
                break
    asker.join(30)
    folder = only_run(path)
    (answer,) = events(folder, kind="ack")
    assert answer["command"] == ACKNOWLEDGE
    assert signals_of(folder)["nan"].acknowledged_at == answer["step"]


TRAINING = """
import time
import guardrun

with guardrun.start() as run:
    for step in run.steps(range(100_000)):
        run.log(loss=1.0 if run.step < 10 else float("nan"))
        time.sleep(0.01)
"""


def test_the_supervisor_answers_and_an_observed_signal_says_what_would_have_been_done(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAINING)
    (tmp_path / "config.yaml").write_text("entry: train.py\nname: watched\npolicy: {nan: observe}\n")
    front = start_guard("run", "config.yaml", cwd=tmp_path)
    try:
        folder = only_run(tmp_path / "runs")
        recorded = wait_for(
            lambda: [e for e in events(folder, "supervisor.jsonl", "signal") if e["severity"] == "act"],
            60,
            what="the signal",
        )
        assert (recorded[0]["action"], recorded[0]["would_do"]) == ("observe", "abort")

        assert run(["ack", str(folder)]) == 0

        told = events(folder, "supervisor.jsonl", "signal")[-1]
        assert (told["state"], told["id"], told["via"]) == ("acknowledged", "nan", "cli")
        assert signals_of(folder)["nan"].acknowledged_at == told["acknowledged_at"]
        assert run(["stop", str(folder)]) == 0
    finally:
        output, _ = front.communicate(timeout=60)
    assert "only observed: would have aborted here" in output
