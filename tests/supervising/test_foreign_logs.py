"""`logs: PATH`: trainings that know nothing of guardrun are drawn, judged and stopped by what they log."""

from __future__ import annotations

import csv
import os
import sys
import textwrap
from pathlib import Path

import pytest

from guard_process import events, guard, only_run, processes_of, show
from guardrun.events.paths import RunPaths
from guardrun.following.run_follower import RunFollower
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.foreign_logs import ForeignLogs, foreign_logs_of
from waiting import wait_for

DIVERGES = """
import csv, math, time
with open("metrics.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["epoch", "step", "train_loss", "val_loss"])
    for step in range(1, 100_000):
        loss = 1 / step if step < 20 else math.nan
        table.writerow([step // 10, step, loss, ""])
        file.flush()
        time.sleep(0.01)
"""

LINES = """
import json, os
os.makedirs("out/version_0")
with open("out/version_0/log.jsonl", "w") as file:
    for step in range(1, 41):
        print(json.dumps({"step": step, "epoch": step // 20, "loss": 1 / step}), file=file)
        if step % 10 == 0:
            print(json.dumps({"step": step, "eval_loss": 2 / step}), file=file)
"""


@pytest.fixture
def script(tmp_path: Path):
    def script(text: str) -> str:
        (tmp_path / "fit.py").write_text(textwrap.dedent(text))
        return "fit.py"

    return script


def notes(run: Path) -> str:
    return "\n".join(event["text"] for event in events(run, "supervisor.jsonl", "note"))


def test_a_csv_that_diverges_to_nan_is_aborted_by_the_policy(tmp_path: Path, script) -> None:
    done = guard("run", "--logs", "metrics.csv", "--", "python", script(DIVERGES), cwd=tmp_path)

    assert done.returncode == 3, done.stdout + done.stderr
    run = only_run(tmp_path / "runs")
    shown = show(run)
    assert (shown["status"], shown["reason"]) == ("aborted", "abort:nan")
    (signal,) = [signal for signal in shown["signals"] if signal["severity"] == "act"]
    assert (signal["id"], signal["first_step"]) == ("nan", 20)
    stages = [event["stage"] for event in events(run, "supervisor.jsonl", "phase")]
    # The ladder of a command that reads no commands: at once to SIGINT.
    assert stages[:2] == ["requested", "SIGINT"]
    assert "acknowledged" not in stages
    assert processes_of(run) == []


def test_json_lines_in_a_folder_show_their_curves(tmp_path: Path, script) -> None:
    (tmp_path / "c.yaml").write_text(f"entry: {script(LINES)}\nlogs: out\n")
    done = guard("run", "c.yaml", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    run = only_run(tmp_path / "runs")
    shown = show(run)
    assert (shown["status"], shown["step"], shown["epoch"]) == ("finished", 40, 2)
    monitor = {"name": "val/loss", "mode": "min", "last": 0.05, "best": 0.05, "best_step": 40}
    assert shown["monitor"] == monitor
    assert os.path.join("out", "version_0", "log.jsonl") in notes(run)
    (header,) = events(run, kind="header")
    assert (header["source"], header["pid"], header["writer"]) == ("logs", None, "rank0")
    follower = RunFollower(run)
    follower.catch_up()
    assert follower.series.get("train/loss").step.tolist() == list(range(1, 41))
    assert not follower.has_library
    assert "loss is stored as train/loss" in follower.state().notes


def test_a_training_that_writes_events_itself_is_left_alone(tmp_path: Path, script) -> None:
    name = script(
        """
        import importlib
        with importlib.import_module("guardrun").start() as run:
            with open("metrics.csv", "w") as file:
                file.write("step,loss\\n1,2\\n")
            run.log(loss=0.5)
        """
    )
    done = guard("run", "--logs", "metrics.csv", "--", "python", name, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    run = only_run(tmp_path / "runs")
    assert "writes its events itself" in notes(run)
    assert [event["train/loss"] for event in events(run, kind="metrics")] == [0.5]
    assert {event.get("source") for event in events(run, kind="header")} == {None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("open('log.txt', 'w').write('Epoch 1, loss 0.5\\nEpoch 2, loss 0.4\\n')", "“Epoch 1, loss 0.5”"),
        ("open('log.txt', 'w').write('step,loss\\n')", "“step,loss”"),
        ("pass", "wrote no file log.txt"),
        ("import os; os.mkfifo('log.txt')", "wrote no file log.txt"),
        ("open('log.txt', 'w').write('step,name\\n1,a\\n2,b\\n')", "holds no rows"),
    ],
)
def test_what_cannot_be_read_is_said_once_and_hurts_nothing(tmp_path: Path, script, text, said) -> None:
    done = guard("run", "--logs", "log.txt", "--", "python", script(text), cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    run = only_run(tmp_path / "runs")
    assert notes(run).count(said) == 1
    assert not (run / "events.jsonl").exists()
    assert show(run)["status"] == "finished"


def test_a_stop_reaches_the_training_and_not_the_supervisor(run, is_gone) -> None:
    run.script(DIVERGES, library=None, logs="metrics.csv", policy={"nan": "off"})
    supervisor = run.supervise()
    wait_for(lambda: run.steps() > 5)
    pid = run.training_pid()
    run.stop()
    assert supervisor.wait(30) == 0
    assert run.stages()[:2] == ["requested", "SIGINT"]
    assert (run.end()["status"], run.end()["reason"]) == ("stopped", "stop:cli")
    assert is_gone(pid)


def test_an_attached_supervisor_goes_on_where_the_former_was_killed(run) -> None:
    run.script(DIVERGES, library=None, logs="metrics.csv", policy={"nan": "off"})
    first = run.supervise()
    wait_for(lambda: run.steps() > 10)
    first.kill()
    first.wait()
    steps = run.steps()
    second = run.supervise(attach=True)
    wait_for(lambda: run.steps() > steps + 10)
    run.stop()
    assert second.wait(30) == 0
    told = [event["step"] for event in run.events("metrics", run.paths.events())]
    assert told == list(range(1, len(told) + 1))


class Logs:
    """A folder with a log, and what is made of it."""

    def __init__(self, folder: Path, spec: str = "log.csv") -> None:
        self.folder = folder
        self.paths = RunPaths(folder / "runs" / "r")
        self.paths.root.mkdir(parents=True, exist_ok=True)
        (self.paths.root / "run.json").write_text("{}")
        self.log = EventLog(self.paths.supervisor, writer="supervisor", run_id="r", attempt=1)
        self.spec = spec
        self.begin()

    def begin(self, *, attempt: int = 1, attached: bool = False) -> None:
        launch = {"config": {"logs": self.spec}, "workdir": str(self.folder)}
        logs = foreign_logs_of(launch, self.paths, attempt, self.log, attached=attached)
        assert isinstance(logs, ForeignLogs)
        self.logs = logs
        logs.remember_the_past()

    def write(self, rows: list[list[object]], name: str = "log.csv", mode: str = "w") -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        with open(path, mode, newline="") as file:
            csv.writer(file).writerows(rows)

    def losses(self) -> list[float]:
        """Translate all there is; every loss that was ever told."""
        self.logs.look_again()
        self.logs.poll(library=False)
        while not self.logs.caught_up:
            self.logs.poll(library=False)
        return [event["train/loss"] for event in events(self.paths.root, kind="metrics")]

    def notes(self) -> str:
        return notes(self.paths.root)


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


HEAD: list[object] = ["step", "loss"]


def test_a_line_without_its_end_waits(logs: Logs, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n1,0.5\n2,0.2")
    assert logs.losses() == [0.5]
    (tmp_path / "log.csv").write_text("step,loss\n1,0.5\n2,0.25\n")
    assert logs.losses() == [0.5, 0.25]


def test_text_for_people_is_read_line_by_line(logs: Logs, tmp_path: Path) -> None:
    """With what a console shows besides; a train loss of evaluation mode comes with the evaluation."""
    (tmp_path / "log.csv").write_text(
        "using device cuda\nstep 0: train loss 4.25, val loss 4.5\n"
        "iter 0: loss 4.0, time 9.0ms, mfu -100.00%\n"
    )
    assert logs.losses() == [4.0]
    with open(tmp_path / "log.csv", "a") as file:
        file.write("saving checkpoint to out\niter 10: loss nan, time 9.0ms, mfu 3.50%\n")
    assert logs.losses() == [4.0, "NaN"]
    (evaluation,) = events(logs.paths.root, kind="eval")
    assert (evaluation["train/loss"], evaluation["val/loss"]) == (4.25, 4.5)
    logs.logs.finish()
    assert "not nanoGPT" not in logs.notes()


def test_a_log_that_is_written_anew_with_every_epoch_is_told_once(logs: Logs) -> None:
    """As pandas' to_csv does; and Lightning, when a new column comes."""
    logs.write([HEAD, [1, 4], [2, 3]])
    assert logs.losses() == [4, 3]
    logs.write([["step", "lr", "loss"], [1, "", 4], [2, "", 3], [3, 0.5, 2]])
    assert logs.losses() == [4, 3, 2]
    assert "from its start" in logs.notes()
    assert len(events(logs.paths.root, kind="header")) == 1


def test_another_log_in_its_place_begins_a_stretch_of_its_own(logs: Logs, tmp_path: Path) -> None:
    logs.write([HEAD, [1, 4], [2, 3]])
    assert logs.losses() == [4, 3]
    (tmp_path / "log.csv").unlink()
    logs.write([HEAD, [1, 4], [2, 5.5]])
    assert logs.losses() == [4, 3, 5.5]
    assert [header["passed_over"] for header in events(logs.paths.root, kind="header")] == [0, 1]
    logs.begin(attached=True)
    logs.write([[3, 6]], mode="a")
    assert logs.losses() == [4, 3, 5.5, 6]


def test_rows_of_an_earlier_attempt_are_passed_over(logs: Logs) -> None:
    logs.write([HEAD, [1, 4], [2, 3]])
    logs.begin(attempt=2)
    assert logs.losses() == []
    assert not logs.notes()
    logs.write([[3, 2]], mode="a")
    assert logs.losses() == [2]
    logs.begin(attempt=2, attached=True)
    assert logs.losses() == [2]


def test_a_log_that_the_new_attempt_writes_from_the_start_is_read_whole(logs: Logs) -> None:
    logs.write([HEAD, [1, 4], [2, 3]])
    logs.begin(attempt=2)
    logs.write([HEAD, [1, 9]])
    assert logs.losses() == [9]
    logs.write([[2, 8], [3, 7]], mode="a")
    assert logs.losses() == [9, 8, 7]


def test_the_newest_file_of_a_pattern_is_read_and_an_older_run_is_none_of_ours(tmp_path: Path) -> None:
    logs = Logs(tmp_path, "out/*.csv")
    logs.write([HEAD, [1, 4]], "out/old.csv")
    logs.begin()
    assert logs.losses() == []
    logs.write([HEAD, [1, 5]], "out/new.csv")
    assert logs.losses() == [5]
    logs.write([HEAD, [1, 6]], "out/newer.csv")
    os.utime(tmp_path / "out/newer.csv", (2e9, 2e9))
    assert logs.losses() == [5, 6]
    assert "newer.csv" in logs.notes()


def test_run_directories_below_a_folder_of_logs_are_not_read(tmp_path: Path) -> None:
    logs = Logs(tmp_path, ".")
    logs.paths.events().write_text('{"kind": "metrics", "step": 1, "loss": 1, "train/loss": 1}\n')
    logs.write([HEAD, [1, 5]])
    assert logs.losses() == [1, 5]


def test_a_link_to_the_newest_log_is_followed(tmp_path: Path) -> None:
    logs = Logs(tmp_path, "latest")
    for number, loss in enumerate((7, 8)):
        logs.write([HEAD, [1, loss]], f"{number}.csv")
        (tmp_path / "latest").unlink(missing_ok=True)
        (tmp_path / "latest").symlink_to(f"{number}.csv")
        assert logs.losses()[-1] == loss


def test_columns_named_like_arguments_of_ours_are_just_columns(logs: Logs) -> None:
    logs.write([["step", "self", "kind", "t", "loss"], [1, 2, 3, 4, 5]])
    assert logs.losses() == [5]
    (event,) = events(logs.paths.root, kind="metrics")
    assert (event["self"], event["metric/kind"], event["metric/t"]) == (2, 3, 4)


def test_logs_is_a_key_of_the_configuration_like_any_other(tmp_path: Path, script) -> None:
    (tmp_path / "c.yaml").write_text(f"command: [{sys.executable}, {script('pass')}]\n")
    for arguments in (["c.yaml", "logs=a b.csv"], ["c.yaml", "--logs", "a b.csv"]):
        done = guard("run", *arguments, "--dry-run", cwd=tmp_path)
        assert "logs: a b.csv  # override" in done.stdout, done.stderr
    refused = guard("run", "--attach", "x", "--logs", "y", cwd=tmp_path)
    assert refused.returncode == 2
