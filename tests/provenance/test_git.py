"""The version of the code, from real repositories."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from guardrun.provenance import git
from guardrun.provenance.git import git_facts


def run_git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    run_git(folder, "init", "-q", "-b", "trunk")
    (folder / "train.py").write_text("lr = 1\n")
    (folder / ".gitignore").write_text("runs/\n")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_repository(repository: Path) -> None:
    facts = git_facts(repository)
    assert facts.commit == run_git(repository, "rev-parse", "HEAD")
    assert (facts.branch, facts.dirty, facts.diff, facts.problem) == ("trunk", False, b"", "")
    assert facts.root == str(repository.resolve())


def test_changes_are_kept_as_a_diff_that_applies(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").write_text("lr = 2\n")
    facts = git_facts(repository)

    assert facts.dirty is True
    (tmp_path / "git.diff").write_bytes(facts.diff)
    run_git(repository, "checkout", "-q", "train.py")
    run_git(repository, "apply", str(tmp_path / "git.diff"))
    assert (repository / "train.py").read_text() == "lr = 2\n"
    assert facts.as_json()["diff_bytes"] == len(facts.diff)


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    run_git(repository, "checkout", "-q", "--detach")
    assert git_facts(repository).branch is None


def test_small_untracked_sources_are_listed_and_nothing_else(repository: Path, monkeypatch) -> None:
    monkeypatch.setattr(git, "MAX_FILE_BYTES", 100)
    sub = repository / "sub"
    sub.mkdir()
    files = {
        "new.py": "x", "sub/model.yaml": "y", "tokenizer.py": "t", "big.py": "z" * 101, "data.bin": "b",
        "api_token.json": "s", "secrets.yaml": "s", ".env": "s", "runs/r1/config.yaml": "r",
        "ümlaut name.py": "u",
    }  # fmt: skip
    (repository / "runs/r1").mkdir(parents=True)
    for name, text in files.items():
        (repository / name).write_text(text)
    (repository / "link.py").symlink_to("/etc/passwd")

    facts = git_facts(sub)

    assert set(facts.untracked) == {"new.py", "sub/model.yaml", "tokenizer.py", "ümlaut name.py"}
    assert facts.untracked_skipped == 6
    assert facts.dirty is False
    assert facts.untracked_left_out == ("big.py",)
    assert "untracked and too large or too many to keep: big.py" in facts.uncommitted


def test_code_that_is_too_large_to_keep_still_makes_other_code(repository: Path, monkeypatch) -> None:
    monkeypatch.setattr(git, "MAX_FILE_BYTES", 10)
    (repository / "big.py").write_text("x = 1  # so long a line\n")
    before = git_facts(repository).code_sha256
    (repository / "big.py").write_text("x = 2  # so long a line\n")
    assert git_facts(repository).code_sha256 != before is not None


def test_the_run_directories_are_no_sources(repository: Path) -> None:
    (repository / ".gitignore").unlink()
    (repository / "runs").mkdir()
    (repository / "runs/x.py").write_text("x")
    assert git_facts(repository, exclude=repository / "runs").untracked == ()


def test_a_huge_diff_is_cut(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "MAX_DIFF_BYTES", 1000)
    (repository / "train.py").write_text("".join(f"line {i}\n" for i in range(50_000)))
    facts = git_facts(repository)
    assert facts.diff_truncated
    assert len(facts.diff) == 1000


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q", "-b", "trunk")
    (tmp_path / "a.py").write_text("x")
    facts = git_facts(tmp_path)
    assert (facts.commit, facts.dirty, facts.branch) == (None, None, "trunk")
    assert facts.untracked == ("a.py",)
    assert "no commit" in facts.problem


def test_outside_git_and_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_facts(tmp_path).problem == "not a git repository"
    assert git_facts(tmp_path / "missing").problem == "the folder does not exist"
    monkeypatch.setenv("PATH", str(tmp_path))
    facts = git_facts(tmp_path)
    assert (facts.commit, facts.problem) == (None, "git is not installed")


def test_looking_never_writes(repository: Path) -> None:
    """A refreshed index, or a lock, would get in the way of the user's own git."""
    time.sleep(0.01)
    os.utime(repository / "train.py")
    before = {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")}
    git_facts(repository)
    assert {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")} == before


def test_a_locked_index_does_not_matter(repository: Path) -> None:
    (repository / ".git/index.lock").write_text("")
    (repository / "train.py").write_text("lr = 3\n")
    assert git_facts(repository).dirty is True


@pytest.mark.parametrize("script", ["sleep 30", "sleep 30 & exit 0"], ids=["git hangs", "a helper hangs"])
def test_a_git_that_hangs_is_given_up(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "git").write_text(f"#!/bin/sh\n{script}\n")
    (fake / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")

    started = time.monotonic()
    facts = git_facts(repository, deadline_s=0.5)

    assert time.monotonic() - started < 5
    assert facts.problem == "git took too long"


def test_a_repositorys_own_programs_are_not_run(repository: Path, tmp_path: Path) -> None:
    """Looking at somebody's repository must not execute what its configuration names."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    run_git(repository, "config", "core.fsmonitor", str(trap))
    run_git(repository, "config", "diff.external", str(trap))
    (repository / "train.py").write_text("lr = 4\n")

    assert git_facts(repository).dirty is True
    assert not (tmp_path / "sprung").exists()
