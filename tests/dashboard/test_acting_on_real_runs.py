"""Keys of the dashboard on real trainings under `guard run`: what is asked is what happens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from textual.widgets import Input

from dashboard_pilot import screen_text, shows, until
from guard_process import FAULTS, FOR_LONG, events, guard, only_run, processes_of
from guardrun.state.model import Status
from guardtui.app import Dashboard
from run_factory import RunWriter
from waiting import wait_for

EVALUATES = """
import sys, time
import guardrun

with guardrun.start() as run:
    @run.on_stop
    def save(step):
        open("saved.txt", "w").write(str(step))
    for epoch in run.epochs(3):
        for _ in run.steps(range(5)):
            run.log(loss=1.0)
        print("evaluating", flush=True)
        time.sleep(100)
        run.evaluate({"val/loss": 1.0})
print("the end of the script is reached")
"""
STEPS = """
import time
import guardrun

with guardrun.start() as run:
    run.on_stop(lambda: None)
    for _ in run.steps(range(1_000_000)):
        run.log(loss=1.0)
        time.sleep(0.01)
"""


def launch(folder: Path, script: str, name: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(script)
    done = guard("run", "--detach", "--name", name, "--", "python", f"{name}.py", cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.torch
async def test_a_training_is_saved_noted_tagged_stopped_and_resumed_by_keys(tmp_path):
    done = guard("run", *FOR_LONG, "--detach", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path / "runs")
    app = Dashboard([tmp_path / "runs"])
    async with app.run_test(size=(120, 40), notifications=True) as pilot:

        def state():
            return app.snapshot.by_path[run].state

        await until(pilot, lambda: run in app.snapshot.by_path and state().step >= 3, 60)

        await pilot.press("c")
        await shows(pilot, "Checkpoint now", "trains on", "enter  write a checkpoint")
        assert events(run, kind="ack") == []
        await pilot.press("enter", "enter")
        await shows(pilot, "✓ requested", "✓ seen at step", "✓ written", "/checkpoints/step-")
        (save,) = state().saves
        assert save.written is not None
        assert save.written.step - save.step <= 1
        assert (run / save.written.path / "meta.json").exists()
        assert state().status is Status.RUNNING
        await pilot.press("escape")

        await pilot.press("m", *"lr too high?", "enter")
        await until(pilot, lambda: [each.text for each in state().remarks] == ["lr too high?"])
        await pilot.press("number_sign", *"baseline -none", "enter")
        await until(pilot, lambda: state().tags == ("baseline",))
        assert {e["command"] for e in events(run, "supervisor.jsonl", "ack")} == {"note", "tag"}

        await pilot.press("r")
        await shows(pilot, "This run is running: there is nothing to resume")
        await pilot.press("escape", "s")
        await shows(pilot, "Safe stop", "enter  stop safely")
        await pilot.press("enter")
        await until(pilot, lambda: state().status is Status.STOPPED, 60)
        await shows(pilot, "✓ all processes gone", "■ stopped", "last: checkpoints/")
        await until(pilot, lambda: events(run, "supervisor.jsonl", "run_end") and not processes_of(run), 60)
        last = state().last
        assert last is not None
        assert last.step == state().step
        await pilot.press("escape")

        # Nobody is left to answer: the command file is the record, and no log grows.
        logs = {file: file.read_bytes() for file in run.glob("*.jsonl")}
        await pilot.press("m", *"kept", "enter")
        await until(pilot, lambda: [each.text for each in state().remarks] == ["lr too high?", "kept"])
        await pilot.press("number_sign", *"-baseline good", "enter")
        await until(pilot, lambda: state().tags == ("good",))
        assert {file: file.read_bytes() for file in run.glob("*.jsonl")} == logs

        await pilot.press("r")
        await shows(pilot, "Resume", f"goes on from step {last.step:,}", "attempt 2", FAULTS, "enter  resume")
        assert not (run / "attempts/2.json").exists()
        await pilot.press("enter", "enter")
        await until(pilot, lambda: state().attempt == 2 and state().step > last.step, 90)
        await shows(pilot, "✓ attempt 2: ● running")
        assert state().tags == ("good",)
        assert len(state().remarks) == 2
        await pilot.press("escape")

    # The dashboard is gone, the training is not; and it went on where it had stopped.
    (resumed,) = events(run, kind="resume")
    assert resumed["step"] == last.step
    step = events(run, kind="metrics")[-1]["step"]
    wait_for(lambda: events(run, kind="metrics")[-1]["step"] > step, what="a further step")
    assert guard("stop", str(run), cwd=tmp_path).returncode == 0


async def test_stop_now_discards_a_running_evaluation_after_saying_so(tmp_path):
    launch(tmp_path, EVALUATES, "evaluates")
    run = only_run(tmp_path / "runs")
    wait_for(lambda: "evaluating" in (run / "console.log").read_text(), what="the evaluation")
    app = Dashboard([tmp_path / "runs"])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(
            pilot, lambda: run in app.snapshot.by_path and app.snapshot.by_path[run].state.phase == "eval"
        )
        await pilot.press("S")
        await shows(
            pilot, "Stop now", "evaluation and 5 steps are discarded", "climbs by itself", "y  stop now"
        )
        await pilot.press("enter")
        await pilot.pause()
        assert list((run / "control").iterdir()) == []
        await pilot.press("y")
        await shows(pilot, "SIGINT sent", "a running evaluation is discarded", "■ stopped at step 5")

    assert events(run, kind="eval") == []
    (end,) = events(run, kind="run_end")
    assert (end["status"], end["reason"], end["step"]) == ("stopped", "stop:watch", 5)
    assert (tmp_path / "saved.txt").read_text() == "5"
    assert "the end of the script is reached" in (run / "console.log").read_text()


async def test_several_runs_are_stopped_by_one_dialog_that_says_which_are_not(tmp_path):
    for name in ("alpha", "beta"):
        launch(tmp_path, STEPS, name)
    writer = RunWriter(tmp_path / "runs", "over", t=time.time() - 900)
    writer.start()
    writer.end()
    app = Dashboard([tmp_path / "runs"])
    async with app.run_test(size=(100, 30)) as pilot:

        def live():
            return [view for view in app.snapshot.runs if view.state.status is Status.RUNNING]

        await until(pilot, lambda: len(live()) == 2 and all(view.state.step for view in live()), 30)
        running = [view.path for view in live()]
        app.ask_stop([writer.paths.root, *running])
        text = await shows(pilot, "2 of 3 runs", "is over: finished", "enter  stop 2 runs safely")
        assert text.index("alpha") < text.index("over  ")
        await pilot.press("enter")
        await until(pilot, lambda: not live() and "all 2 are over, 2 stopped" in screen_text(app), 30)

    for run in running:
        assert events(run, kind="run_end")[0]["reason"] == "stop:watch"
        assert processes_of(run) == []
    assert list(writer.paths.control.iterdir()) == []


async def test_what_is_no_note_or_tag_is_refused_before_it_is_sent(tmp_path):
    writer = RunWriter(tmp_path / "runs", "over", t=time.time() - 900)
    writer.start()
    writer.end()
    app = Dashboard([tmp_path / "runs"])
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "finished")
        await pilot.press("m")
        await shows(pilot, "no notes yet")
        app.screen.query_one(Input).value = "x" * 100_000
        await pilot.press("enter")
        await shows(pilot, "at most 2,000 characters, and this one has 100,000")
        app.screen.query_one(Input).value = "\x1b]0;pwned\x07\x1b[31mred"
        await pilot.press("enter", "number_sign", *"a b", "enter")
        await until(pilot, lambda: app.snapshot.runs[0].state.tags == ("a", "b"))
        await pilot.press("number_sign", *("x" * 41), "enter")
        await shows(pilot, "a tag has at most 40 characters")
        await pilot.press("escape", "m")
        text = await shows(pilot, "red")
        assert "pwned" not in text
    assert len(list(writer.paths.control.iterdir())) == 2
