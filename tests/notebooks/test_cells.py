"""Trainings in cells of a real notebook kernel: none of their ends is a lie, and no stop costs a kernel."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.prove import prove

PAGE = Path(__file__).resolve().parents[2] / "docs/integrations/notebooks.md"

START = "run = guardrun.start('nb')\n"
LOOP = "for batch in run.steps(range({steps})):\n    time.sleep(0.01)\n    run.log(loss=1 / run.step)\n"
LONG, SHORT = LOOP.format(steps=3000), LOOP.format(steps=5)


def guard_stop(notebook) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "guardrun.cli.main", "stop", str(notebook.runs()[-1]), "--grace", "20"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_an_interrupted_cell_leaves_a_run_that_trains_on_and_ends_well(notebook):
    cell = notebook.cell(START + LONG, interrupt_at=3)
    assert cell.error == "KeyboardInterrupt"
    assert "stays open" in cell.said
    assert notebook.state().status == "running"
    steps = notebook.events("metrics")[-1]["step"]
    assert notebook.cell(SHORT).error is None
    assert notebook.events("metrics")[-1]["step"] == steps + 5
    notebook.cell("run.finish()")
    assert (notebook.end()["status"], notebook.end()["reason"]) == ("finished", "completed")


def test_a_run_whose_last_cell_was_interrupted_is_stopped_by_a_person_and_not_finished(notebook):
    notebook.cell(START + LONG, interrupt_at=3)
    first = notebook.runs()[-1]
    cell = notebook.cell("another = guardrun.start('second')")
    assert f"closes the run {first.name}" in cell.said
    assert (notebook.end(first)["status"], notebook.end(first)["reason"]) == ("stopped", "stop:sigint")


def test_an_interrupted_with_block_is_stopped_by_a_person(notebook):
    text = "with guardrun.start('nb') as run:\n" + "".join(f"    {line}\n" for line in LONG.splitlines())
    assert notebook.cell(text, interrupt_at=3).error == "KeyboardInterrupt"
    assert (notebook.end()["status"], notebook.end()["reason"]) == ("stopped", "stop:sigint")


def test_a_training_that_failed_in_its_cell_has_failed_and_a_slip_in_another_cell_is_none_of_its_business(
    notebook,
):
    notebook.cell(START + SHORT)
    notebook.cell("for batch in run.steps(range(5)):\n    1 / 0")
    notebook.cell("run.finish()")
    assert notebook.end()["status"] == "failed"
    assert "ZeroDivisionError" in notebook.end()["error"]
    notebook.cell(START + SHORT)
    assert notebook.cell("1 / 0").error == "ZeroDivisionError"
    notebook.cell("run.finish()")
    assert notebook.end()["status"] == "finished"


def test_a_run_at_rest_between_cells_is_no_hang_and_one_that_trains_again_may_be(notebook):
    notebook.cell(START + "for _ in range(9):\n    run.log(loss=1.0)")
    assert notebook.state(time.time() + 7200).status == "running"
    notebook.cell("run.log(loss=1.0)")
    assert [event["phase"] for event in notebook.events("phase")][-3:] == ["idle", "train", "idle"]


def test_a_stop_ends_the_run_of_a_cell_and_neither_the_kernel_nor_what_is_in_it(notebook):
    stopped = []

    def stop() -> None:
        notebook.wait_for_step(3, notebook._count)
        stopped.append(guard_stop(notebook))

    thread = threading.Thread(target=stop)
    thread.start()
    cell = notebook.cell("kept = 7\n" + START + LONG)
    thread.join()
    assert cell.error == "StopRun"
    assert "is over at step" in cell.said
    assert stopped[0].returncode == 0, stopped[0].stdout
    assert "SIGINT" not in stopped[0].stdout
    assert (notebook.end()["status"], notebook.end()["reason"]) == ("stopped", "stop:cli")
    assert notebook.cell("kept").shown[0]["text/plain"] == "7"


def test_a_stop_is_heard_between_two_cells(notebook):
    notebook.cell(START + SHORT)
    stopped = guard_stop(notebook)
    assert stopped.returncode == 0, stopped.stdout
    assert (notebook.end()["status"], notebook.end()["step"]) == ("stopped", 5)


def test_a_run_shows_itself_and_is_drawn_anew_until_it_ends(notebook):
    notebook.cell(START + SHORT)
    (shown,) = notebook.cell("run").shown
    assert shown["text/plain"].startswith("<guardrun.Run")
    assert "train/loss" in shown["text/html"]
    assert "step 5" in shown["text/html"]
    (shown,) = notebook.cell("run.show(every=0.5)\n").shown
    assert "<svg" in shown["text/html"]
    notebook.cell(SHORT)
    notebook.updates(lambda html: "step 10" in html)
    notebook.cell("run.finish()")
    notebook.updates(lambda html: "finished" in html)


def test_a_kernel_that_is_restarted_ends_its_run(notebook):
    notebook.cell(START + SHORT)
    notebook.restart()
    assert notebook.end()["status"] == "finished"
    notebook.expects_a_new_run()
    notebook.cell(START + LONG, interrupt_at=3)
    notebook.restart()
    assert (notebook.end()["status"], notebook.end()["reason"]) == ("stopped", "stop:sigint")


@pytest.mark.torch
def test_the_cells_of_the_page_train_and_a_stop_between_them_saves_what_they_track(notebook):
    cells = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert [notebook.cell(code).error for code in cells] == [None, None]
    assert (notebook.end()["status"], notebook.end()["step"]) == ("finished", 24)
    assert prove(RunPaths(notebook.runs()[-1]), "best")["verified"]
    begin, train = cells
    notebook.cell(begin + train.replace("run.finish()", "run.log(after=1.0)"))
    assert guard_stop(notebook).returncode == 0
    assert notebook.end()["status"] == "stopped"
    proved = prove(RunPaths(notebook.runs()[-1]), "last")
    assert (proved["verified"], proved["step"]) == (True, 24)
