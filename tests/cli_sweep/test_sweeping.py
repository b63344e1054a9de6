"""`guard sweep`: real runs as a group."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from guard_process import GUARD, events, guard, processes_of, show, start_guard
from guardrun.cli.sweep import grid, values_of
from guardrun.errors import UserError
from toy_project import make_project, runs_of
from waiting import wait_for


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "toy", under_git=False)


def config_of(run: Path) -> dict:
    return json.loads((run / "attempts/1.json").read_text())["config"]


def training(project: Path) -> list[Path]:
    return [run for run in runs_of(project) if events(run, kind="metrics")]


def test_every_combination_becomes_a_run_of_one_group(project: Path) -> None:
    done = guard(
        "sweep", "config.yaml", "params.lr=1e-1,2e-1", "params.epochs=1", "--seeds", "1,2",
        "--parallel", "2", "--group", "rates", "--json", "--json-file", "sweep.json", cwd=project,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == json.loads((project / "sweep.json").read_text())
    assert [run["label"] for run in told["runs"]] == ["lr=1e-1 seed=1", "lr=1e-1 seed=2",
                                                      "lr=2e-1 seed=1", "lr=2e-1 seed=2"]  # fmt: skip
    assert {run["status"] for run in told["runs"]} == {"finished"}
    runs = [project / run["path"] for run in told["runs"]]
    assert [(config_of(run)["params"]["lr"], config_of(run)["seed"]) for run in runs] == [
        (0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2),
    ]  # fmt: skip
    assert {json.loads((run / "run.json").read_text())["group"] for run in runs} == {"rates"}
    assert all(events(run, "supervisor.jsonl", "run_end") for run in runs)
    best = min(told["runs"], key=lambda run: run["best"])
    assert told["best"] == best["run_id"]


def test_one_that_fails_stops_no_other_and_the_exit_code_says_so(project: Path) -> None:
    done = guard("sweep", "config.yaml", "params.fail=true,false", cwd=project)

    assert done.returncode == 1
    assert "ValueError: as it was asked to" in done.stderr
    assert [show(run)["status"] for run in runs_of(project)] == ["failed", "finished"]
    assert "* " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_ctrl_c_stops_what_runs_safely_and_starts_no_more(project: Path) -> None:
    sweep = start_guard(
        "sweep", "config.yaml", "params.lr=1,2,3", "params.pause=0.05", "params.epochs=500", "--parallel",
        "2", cwd=project, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(lambda: len(training(project)) == 2, 60, what="two runs that train")
        sweep.send_signal(signal.SIGINT)
        said, _ = sweep.communicate(timeout=60)
    finally:
        sweep.kill()

    assert sweep.returncode == -signal.SIGINT
    assert "no more are started" in said
    assert "not started" in said
    runs = runs_of(project)
    assert [show(run)["reason"] for run in runs] == ["stop:sigint"] * 2
    assert [processes_of(run) for run in runs] == [[], []]


def test_a_detached_sweep_goes_on_without_its_terminal_and_is_stopped_by_its_process(project: Path) -> None:
    """As over SSH: a terminal of its own, closed as soon as the command has returned."""
    ssh = f"{shlex.join([*GUARD, 'sweep', 'config.yaml', 'params.lr=1,2,3', 'params.pause=0.02'])} --detach"
    done = subprocess.run(
        ["script", "-qec", f"{ssh} params.epochs=500", "/dev/null"], cwd=project, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert "they go on without this terminal" in done.stdout
    pid = int(re.search(r"kill (\d+)", done.stdout)[1])
    log = project / re.search(r"tail -f (\S+)", done.stdout)[1]
    wait_for(lambda: training(project), 60, what="a run that trains")
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: "not started" in log.read_text(), 60, what="the summary in the log")
    (run,) = runs_of(project)
    assert show(run)["reason"] == "stop:sigterm"
    assert (project / ".guardrun/.gitignore").read_text() == "*\n"


def test_a_detached_sweep_runs_to_its_end_and_writes_its_summary(project: Path) -> None:
    done = guard(
        "sweep", "config.yaml", "params.lr=1,2", "params.epochs=1", "--detach", "--json", "--json-file",
        "end.json", cwd=project,
    )  # fmt: skip

    told = json.loads(done.stdout)
    assert (told["detached"], told["started"], told["runs"]) == (True, True, 2)
    end = wait_for(lambda: (project / "end.json").exists() and (project / "end.json").read_text(), 60)
    assert [run["status"] for run in json.loads(end)["runs"]] == ["finished", "finished"]


def test_a_detached_sweep_that_can_start_nothing_says_so_at_once(project: Path) -> None:
    (project / "runs").symlink_to("/dev/null/nowhere")
    done = guard("sweep", "config.yaml", "params.lr=1,2", "--detach", cwd=project)
    assert done.returncode == 1
    assert "no run of the group was started" in done.stderr
    assert "could not be started" in done.stderr


def test_a_detached_dry_run_makes_no_sense(project: Path) -> None:
    done = guard("sweep", "config.yaml", "params.lr=1,2", "--detach", "--dry-run", cwd=project)
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_a_dry_run_shows_every_command_and_starts_nothing(project: Path) -> None:
    done = guard("sweep", "config.yaml", "params.lr=1,2", "--dry-run", cwd=project)
    assert done.returncode == 0
    assert "lr=1" in done.stdout
    assert "train.py" in done.stdout
    assert not (project / "runs").exists()


def test_a_mistake_in_one_of_the_settings_is_found_before_anything_starts(project: Path) -> None:
    done = guard("sweep", "config.yaml", "stop.patience=3,many", cwd=project)
    assert done.returncode == 2
    assert "stop.patience" in done.stderr
    assert not (project / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "what shall be swept"), (["params.lr=1,2"], "configuration is missing"),
     (["config.yaml", "params.lr=1"], "only one setting"), (["config.yaml", "params.lr=1,1"], "twice"),
     (["config.yaml", "params.lr=1,,2"], "is missing"), (["config.yaml", "a", "--seeds", "1,2"], "KEY=VALUE"),
     (["config.yaml", "seed=1,2", "--seeds", "1,2"], "seed is given twice"),
     (["config.yaml", "--seeds", "one"], "no seed"), (["config.yaml", "--seeds", "1-2000"], "at most"),
     (["config.yaml", "--parallel", "0", "--seeds", "1,2"], "--parallel")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_a_sentence(project: Path, words: list[str], said: str) -> None:
    done = guard("sweep", *words, cwd=project)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_commas_within_brackets_and_quotes_do_not_split() -> None:
    assert values_of("params.sizes=[1,2],[3]") == ("params.sizes", ["[1,2]", "[3]"])
    assert values_of('params.note="a, b",c') == ("params.note", ['"a, b"', "c"])
    assert values_of("params.x={a: 1, b: 2}") == ("params.x", ["{a: 1, b: 2}"])
    assert values_of("params.x=") == ("params.x", [""])


def test_a_grid_too_large_to_be_meant_is_refused() -> None:
    with pytest.raises(UserError, match="1,500 runs"):
        grid([f"params.a={','.join(map(str, range(500)))}"], [1, 2, 3])
