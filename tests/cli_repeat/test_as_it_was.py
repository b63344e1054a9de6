"""`guard repeat RUN`: the recorded code in a clean tree, and whether the numbers come out equal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guard_process import events, guard, show, start_guard
from guardrun.supervising import sealing
from toy_project import git, make_project, runs_of
from waiting import wait_for


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "toy")


def trained(project: Path, *overrides: str, code: int = 0) -> Path:
    done = guard("run", "config.yaml", *overrides, cwd=project)
    assert done.returncode == code, done.stdout + done.stderr
    return runs_of(project)[-1]


def repeated(run: Path, project: Path, *options: str, code: int) -> dict[str, Any]:
    done = guard("repeat", str(run), "--json", *options, cwd=project)
    assert done.returncode == code, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_run_of_changed_code_is_repeated_from_its_commit_diff_and_untracked_sources(project: Path) -> None:
    """What was changed, added and thrown away since does not matter; the repository stays untouched."""
    (project / "model.py").write_text("from extra import FACTOR\nSCALE = 2.0 * FACTOR\n")
    (project / "extra.py").write_text("FACTOR = 3.0\n")
    (project / "picture.bin").write_bytes(bytes(range(256)))
    run = trained(project, "params.lr=0.5")
    (project / "model.py").write_text("SCALE = 100.0\n")
    (project / "extra.py").unlink()
    git(project, "commit", "-q", "-a", "-m", "second")
    (project / "model").mkdir()
    (project / "model/__init__.py").write_text("raise SystemExit('a new source must not be imported')\n")
    before = (
        git(project, "status", "--porcelain"),
        git(project, "for-each-ref"),
        git(project, "worktree", "list"),
    )

    told = repeated(run, project, code=0)

    assert (told["equal"], told["compared"], told["differing"]) == (True, 8, 0)
    assert told["repeat"]["status"] == "finished"
    assert set(told["not_compared"]) >= {"step_time", "data_time"}
    assert "data" in told["linked"]
    assert "out/weights.txt" in told["left_out"]
    assert before == (
        git(project, "status", "--porcelain"), git(project, "for-each-ref"), git(project, "worktree", "list")
    )  # fmt: skip
    child = project / told["repeat"]["path"]
    assert json.loads((child / "run.json").read_text())["parent"] == run.name
    launch = json.loads((child / "attempts/1.json").read_text())
    assert launch["config"]["params"] == {"lr": 0.5}
    assert launch["repeats"]["run"] == run.name
    assert not Path(launch["workdir"]).exists(), "the temporary tree goes"
    assert (
        launch["git"]["code_sha256"]
        == json.loads((run / "attempts/1.json").read_text())["git"]["code_sha256"]
    )


def test_the_first_number_that_differs_is_named(project: Path) -> None:
    run = trained(project)
    (project / "data/numbers.txt").write_text("1\n2.5\n3\n")
    os.utime(project / "data/numbers.txt", (1_700_000_000, 1_700_000_000))

    done = guard("repeat", str(run), cwd=project)

    assert done.returncode == 4
    assert "not equal" in done.stdout
    assert "train/loss at step 2: was " in done.stdout
    assert "2 values differ of 8" in done.stdout


def test_the_original_is_read_only_for_the_repeat(project: Path) -> None:
    """The script opens its data for writing, too: the kernel refuses that where it can; else it is said."""
    text = (project / "train.py").read_text()
    greedy = text.replace('open("data/numbers.txt")', 'open("data/numbers.txt", "r+")')
    (project / "train.py").write_text(greedy)
    run = trained(project)
    protected = sealing.available() > 0

    told = repeated(run, project, code=4 if protected else 0)

    assert told["read_only"] is protected
    refused = "PermissionError" in (project / told["repeat"]["path"] / "console.log").read_text()
    assert refused is protected
    assert told["changed_files"] == []
    assert (project / "data/numbers.txt").read_text() == "1\n2\n3\n"


def test_a_run_without_a_seed_of_its_own_is_repeated_with_the_one_that_was_drawn(project: Path) -> None:
    run = trained(project, "seed=null")
    drawn = events(run, kind="seeds")[0]["seed"]
    told = repeated(run, project, code=0)
    assert events(project / told["repeat"]["path"], kind="seeds")[0]["seed"] == drawn


def test_a_stopped_run_is_repeated_as_far_as_it_came(project: Path) -> None:
    front = start_guard("run", "config.yaml", "params.epochs=500", "params.pause=0.05", cwd=project)
    run = wait_for(lambda: runs_of(project), 30)[0]
    wait_for(lambda: len(events(run, kind="metrics")) >= 4, 30)
    front.send_signal(signal.SIGINT)
    front.communicate(timeout=60)
    step = show(run)["step"]

    told = repeated(run, project, code=0)

    assert told["equal"]
    assert show(project / told["repeat"]["path"])["step"] == step
    assert told["repeat"]["reason"] == "budget:steps"


def test_outside_git_the_kept_sources_are_the_code(tmp_path: Path) -> None:
    project = make_project(tmp_path / "toy", under_git=False)
    run = trained(project)
    (project / "model.py").write_text("SCALE = 9.0\n")
    told = repeated(run, project, code=0)
    assert told["equal"]
    assert {"data"} == set(told["linked"])


def test_an_editable_installation_does_not_bring_todays_code_in(project: Path) -> None:
    (project / "src").mkdir()
    git(project, "mv", "model.py", "src/model.py")
    git(project, "commit", "-q", "-m", "src layout")
    (project / "config.yaml").write_text((project / "config.yaml").read_text() + "python: env/bin/python\n")
    git(project, "commit", "-q", "-a", "-m", "own interpreter")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / "env"], check=True)
    site = next((project / "env").glob("lib/python*/site-packages"))
    (site / "toy.pth").write_text(f"{project / 'src'}\n")
    (site / "guard.pth").write_text("".join(f"{path}\n" for path in sys.path if path))
    run = trained(project)
    (project / "src/model.py").write_text("SCALE = 50.0\n")

    assert repeated(run, project, code=0)["equal"]


def test_submodules_come_back_at_their_commits_with_their_changes(tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q", "-b", "trunk")
    (library / "scale.py").write_text("SCALE = 4.0\n")
    git(library, "add", ".")
    git(library, "commit", "-q", "-m", "first")
    project = make_project(tmp_path / "toy")
    git(project, "submodule", "add", "-q", str(library), "lib")
    (project / "lib/__init__.py").write_text("")
    (project / "model.py").write_text("import sys\nsys.path.insert(0, 'lib')\nfrom scale import SCALE\n")
    git(project, "commit", "-q", "-a", "-m", "with a library")
    (project / "lib/scale.py").write_text("SCALE = 5.0\n")
    run = trained(project)
    (recorded,) = json.loads((run / "attempts/1.json").read_text())["git"]["submodules"]
    assert (recorded["path"], recorded["dirty"]) == ("lib", True)
    assert recorded["commit"] == git(library, "rev-parse", "HEAD")
    git(project / "lib", "checkout", "-q", "scale.py")

    assert repeated(run, project, code=0)["equal"]


@pytest.mark.parametrize(
    "what", ["no numbers", "the folder is gone", "the diff is not all", "other settings"]
)
def test_what_cannot_be_repeated_is_refused_in_a_sentence(project: Path, what: str) -> None:
    run = trained(project)
    words: list[str] = []
    attempt = run / "attempts/1.json"
    launch = json.loads(attempt.read_text())
    if what == "no numbers":
        (run / "events.jsonl").unlink()
    elif what == "the folder is gone":
        launch["git"]["root"] = str(project / "gone")
    elif what == "the diff is not all":
        launch["git"]["diff_truncated"] = True
    else:
        words = ["params.lr=3"]
    attempt.write_text(json.dumps(launch))

    done = guard("repeat", str(run), *words, cwd=project)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    said = {"no numbers": "logged no numbers", "the folder is gone": "is gone",
            "the diff is not all": "more uncommitted changes", "other settings": "as it was"}  # fmt: skip
    assert said[what] in done.stderr


def test_a_dry_run_tells_what_the_repeat_would_be_made_of(project: Path) -> None:
    run = trained(project)
    shutil.rmtree(project / "out")
    done = guard("repeat", str(run), "--dry-run", cwd=project)
    assert done.returncode == 0
    assert "commit " in done.stdout
    assert "data" in done.stdout
    assert len(runs_of(project)) == 1
