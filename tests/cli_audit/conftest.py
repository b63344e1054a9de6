"""A project with real trainings, trained once and copied for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audited_project import SCRIPT


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("guardtui.glyphs.locale.getpreferredencoding", lambda _: "UTF-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three seeds of one real training, each its own process."""
    project = tmp_path_factory.mktemp("project")
    (project / "train.py").write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GUARDRUN_RUNS_DIR": str(project / "runs")}
    started = [
        subprocess.Popen([sys.executable, "train.py", f"--seed={seed}"], cwd=project, env=environment)
        for seed in ("1", "2", "3")
    ]
    assert [each.wait(120) for each in started] == [0, 0, 0]
    return project


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    """A copy to break; external checkpoints are named by their absolute path, so they are made new."""
    made = tmp_path / "project"
    shutil.copytree(trained, made)
    return made
