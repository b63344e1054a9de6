"""`guard repeat RUN --seeds`: the same configuration with other seeds, as a group."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guard_process import events, guard
from guardrun.cli.repeat_words import takes_the_seed, whole_numbers, with_seed_reference
from guardrun.errors import UserError
from guardrun.provenance.recipes import recipe_of
from toy_project import make_project, runs_of
from waiting import wait_for


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "toy")


def launch_of(run: Path) -> dict:
    return json.loads((run / "attempts/1.json").read_text())


def test_the_repeats_differ_from_the_run_by_nothing_but_the_seed(project: Path) -> None:
    assert guard("run", "config.yaml", "params.lr=0.5", cwd=project).returncode == 0
    (run,) = runs_of(project)

    done = guard("repeat", "toy", "--seeds", "2-3", "--parallel", "2", "--json", cwd=project)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    children = [project / one["path"] for one in told["runs"]]
    assert [events(child, kind="seeds")[0]["seed"] for child in children] == [2, 3]
    assert {recipe_of(launch_of(child)) for child in [run, *children]} == {recipe_of(launch_of(run))}
    for child in children:
        identity = json.loads((child / "run.json").read_text())
        assert (identity["parent"], identity["group"]) == (run.name, "toy-seeds")
    losses = {tuple(e["train/loss"] for e in events(child, kind="metrics")) for child in [run, *children]}
    assert len(losses) == 3


def test_code_that_has_changed_since_is_said(project: Path) -> None:
    assert guard("run", "config.yaml", cwd=project).returncode == 0
    (project / "model.py").write_text("SCALE = 2.0\n")
    done = guard("repeat", "toy", "--seeds", "2", cwd=project)
    assert "the code is no longer that of the run" in done.stderr


def test_a_foreign_commands_seed_is_found_among_its_arguments(project: Path) -> None:
    (project / "fit.py").write_text("import sys\nprint('seed', sys.argv[sys.argv.index('--seed') + 1])\n")
    assert (
        guard("run", "--", "python", "fit.py", "--seed", "1", "--split-seed", "1", cwd=project).returncode
        == 0
    )
    done = guard("repeat", "fit", "--seeds", "7", cwd=project)
    assert done.returncode == 0, done.stderr
    assert launch_of(runs_of(project)[-1])["command"][-4:] == ["--seed", "7", "--split-seed", "1"]
    assert "seed 7" in (runs_of(project)[-1] / "console.log").read_text()


def test_a_training_that_no_seed_reaches_is_refused(project: Path) -> None:
    """Three runs that are alike would look like a very certain result."""
    (project / "fit.py").write_text("print(1)\n")
    assert guard("run", "--", "python", "fit.py", cwd=project).returncode == 0
    done = guard("repeat", "fit", "--seeds", "1,2", cwd=project)
    assert done.returncode == 2
    assert "nothing hands a seed" in done.stderr


def test_seeds_are_replaced_where_they_mean_the_whole_training_and_nowhere_else() -> None:
    raw = {
        "args": ["--seed=3", "--random-seed", "4", "--seed-file", "5", "seed=6", "--seed", "x"],
        "params": {"seed": 7, "split_seed": 8, "lr": 9}, "env": {"SEED": "10"}, "seed": 11,
    }  # fmt: skip
    assert with_seed_reference(raw) == {
        "args": [
            "--seed=${seed}", "--random-seed", "${seed}", "--seed-file", "5", "seed=${seed}", "--seed", "x",
        ],
        "params": {"seed": "${seed}", "split_seed": 8, "lr": 9}, "env": {"SEED": "${seed}"}, "seed": 11,
    }  # fmt: skip
    assert takes_the_seed({"command": ["train", "--seed=${seed}"]})
    assert not takes_the_seed({"command": ["train"], "seed": 3})


@pytest.mark.parametrize("text", ["", "1,", "1,1", "a", "-1", "3-1", "1-3,2", str(2**32)])
def test_what_is_no_list_of_seeds_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="seed"):
        whole_numbers(text, "--seeds")


def test_lists_and_ranges_of_seeds() -> None:
    assert whole_numbers("1,5, 7-9", "--seeds") == [1, 5, 7, 8, 9]


FROM_THE_CONFIGURATION = """
import random, guardrun
with guardrun.start() as run:
    dice = random.Random({seed})
    for _ in run.steps(range(10)):
        run.log(loss=dice.random())
"""


def test_a_seed_that_the_script_reads_from_its_configuration_reaches_it(project: Path) -> None:
    (project / "train.py").write_text(FROM_THE_CONFIGURATION.format(seed='run.config["seed"]'))
    assert guard("run", "config.yaml", cwd=project).returncode == 0
    done = guard("repeat", "toy", "--seeds", "2,3", "--parallel", "2", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["same_curves"] == []
    losses = [[e["train/loss"] for e in events(run, kind="metrics")] for run in runs_of(project)]
    assert len({tuple(one) for one in losses}) == 3


def test_seeds_that_reach_nothing_are_told_by_their_equal_curves(project: Path) -> None:
    """Of a repeat beside its run, and of a sweep: nothing else could tell."""
    (project / "train.py").write_text(FROM_THE_CONFIGURATION.format(seed=7))
    assert guard("run", "config.yaml", cwd=project).returncode == 0
    done = guard("repeat", "toy", "--seeds", "2", "--json-file", "told.json", cwd=project)
    assert done.returncode == 4, done.stderr
    assert "the seeds 1, 2 gave the very same curves" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80
    (pair,) = json.loads((project / "told.json").read_text())["same_curves"]
    assert [one["seed"] for one in pair] == [1, 2]

    swept = guard("sweep", "config.yaml", "--seeds", "5,6", "--json", cwd=project)
    assert swept.returncode == 4, swept.stderr
    assert json.loads(swept.stdout)["same_curves"]


def test_repeats_over_seeds_can_go_on_detached_and_a_repeat_as_it_was_cannot(project: Path) -> None:
    assert guard("run", "config.yaml", "params.epochs=1", cwd=project).returncode == 0
    done = guard("repeat", "toy", "--seeds", "2", "--detach", "--json-file", "end.json", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "1 run; it goes on without this terminal" in done.stdout
    end = wait_for(lambda: (project / "end.json").exists() and (project / "end.json").read_text(), 60)
    assert json.loads(end)["runs"][0]["status"] == "finished"

    refused = guard("repeat", "toy", "--detach", cwd=project)
    assert refused.returncode == 2
    assert "--detach belongs to --seeds" in refused.stderr
