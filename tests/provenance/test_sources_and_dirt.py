"""Code that no commit holds: hashed, kept, warned of, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guard_process import guard
from guardrun.provenance import git as git_module
from guardrun.provenance.git import git_facts
from guardrun.provenance.sources import find_sources
from toy_project import git, make_project, runs_of


def test_equal_code_has_an_equal_hash_and_any_change_another(tmp_path: Path) -> None:
    project = make_project(tmp_path / "toy")
    clean = git_facts(project).code_sha256
    assert clean == git_facts(project).code_sha256
    (project / "model.py").write_text("SCALE = 2.0\n")
    changed = git_facts(project).code_sha256
    (project / "new.py").write_text("x = 1\n")
    added = git_facts(project).code_sha256
    (project / "new.py").write_text("x = 2\n")
    assert len({clean, changed, added, git_facts(project).code_sha256, None}) == 5


def test_outside_git_the_sources_are_hashed_and_kept_and_nothing_else(tmp_path: Path) -> None:
    project = make_project(tmp_path / "toy", under_git=False)
    (project / "secret_token.yaml").write_text("x")
    (project / "env").mkdir()
    (project / "env/pyvenv.cfg").write_text("")
    (project / "env/activate.py").write_text("")
    (project / "runs").mkdir()
    (project / "runs/old.py").write_text("")
    facts = git_facts(project, exclude=project / "runs")

    assert facts.problem == "not a git repository"
    assert facts.untracked == ("config.yaml", "model.py", "train.py")
    assert facts.root == str(project)
    (project / "model.py").write_text("SCALE = 3.0\n")
    assert git_facts(project, exclude=project / "runs").code_sha256 not in (None, facts.code_sha256)


def test_a_log_beside_the_code_is_no_other_code(tmp_path: Path) -> None:
    """`guard run … > out.txt` in the project: the log is kept, and grows from run to run."""
    project = make_project(tmp_path / "toy")
    clean = git_facts(project).code_sha256
    (project / "out.txt").write_text("step 1\n")
    facts = git_facts(project)

    assert facts.untracked == ("out.txt",)
    assert facts.code_sha256 == clean


def test_nobodys_whole_home_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here.py").write_text("")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/other.py").write_text("")
    assert find_sources(tmp_path, exclude=None, deadline=1e12).files == ("here.py",)
    assert find_sources(tmp_path / "deep", exclude=None, deadline=1e12).files == ("other.py",)


def test_a_search_that_takes_too_long_gives_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "toy", under_git=False)
    monkeypatch.setattr(git_module, "_SOURCES_S", -1.0)
    assert git_facts(project).code_sha256 is None


def test_changed_binary_files_are_in_the_diff(tmp_path: Path) -> None:
    project = make_project(tmp_path / "toy")
    (project / "table.bin").write_bytes(bytes(range(256)))
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "binary")
    (project / "table.bin").write_bytes(bytes(reversed(range(256))))
    diff = git_facts(project).diff
    git(project, "checkout", "-q", "table.bin")
    (tmp_path / "it.diff").write_bytes(diff)
    git(project, "apply", str(tmp_path / "it.diff"))
    assert (project / "table.bin").read_bytes() == bytes(reversed(range(256)))


def test_a_remote_is_recorded_without_its_password(tmp_path: Path) -> None:
    project = make_project(tmp_path / "toy")
    assert git_facts(project).remote is None
    git(project, "remote", "add", "origin", "https://me:hunter22@example.org/toy.git")
    assert git_facts(project).remote == "https://me:<secret>@example.org/toy.git"


def test_on_dirty_refuses_warns_or_only_records(tmp_path: Path) -> None:
    project = make_project(tmp_path / "toy")
    assert guard("run", "config.yaml", "on_dirty=refuse", cwd=project).returncode == 0
    (project / "model.py").write_text("SCALE = 2.0\n")
    (project / "new.py").write_text("x = 1\n")

    refused = guard("run", "config.yaml", "on_dirty=refuse", cwd=project)
    assert refused.returncode == 2
    assert "changes in model.py; untracked new.py" in refused.stderr
    assert len(runs_of(project)) == 1, "nothing is left of a refused run"

    warned = guard("run", "config.yaml", "on_dirty=warn", cwd=project)
    assert warned.returncode == 0
    assert "not what its commit says: changes in model.py" in warned.stderr
    assert (runs_of(project)[-1] / "git.diff").read_text().count("SCALE") == 2


def test_on_dirty_refuses_code_that_no_commit_can_tell(tmp_path: Path) -> None:
    project = make_project(tmp_path / "toy", under_git=False)
    refused = guard("run", "config.yaml", "on_dirty=refuse", cwd=project)
    assert refused.returncode == 2
    assert "no commit tells the code: not a git repository" in refused.stderr


def test_a_checkpoint_names_the_code_and_the_configuration_it_came_from(tmp_path: Path) -> None:
    project = make_project(tmp_path / "toy")
    (project / "train.py").write_text(
        "import guardrun, torch\n"
        "with guardrun.start() as run:\n"
        "    run.data('train', torch.ones(3))\n"
        "    model = torch.nn.Linear(1, 1)\n"
        "    run.track(model=model)\n"
        "    for batch in run.steps([1, 2]):\n        run.log(loss=1.0)\n"
        "    run.evaluate({'val/loss': 0.5})\n"
    )
    assert guard("run", "config.yaml", cwd=project).returncode == 0
    (run,) = runs_of(project)
    code = json.loads((run / "attempts/1.json").read_text())["git"]["code_sha256"]

    page = guard("show", str(run / "checkpoints/best"), cwd=project).stdout

    assert f"code         sha256 {code[:12]}" in page
    assert "config       sha256 " in page
    assert "with uncommitted changes" in page
    assert "data         train · sha256 " in page
