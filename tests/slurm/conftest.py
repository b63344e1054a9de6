"""A real Slurm on this machine, and a project that trains through it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm_cluster import PROGRAMS, Cluster

TRAINER = Path(__file__).parent / "own_saves.py"


def _missing() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin") is None]


@pytest.fixture(scope="session")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if _missing():
        pytest.skip(f"{_missing()[0]} is missing; on Debian and Ubuntu: apt install slurm-wlm munge")
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def cluster(_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Its commands work in this test's environment; its queue is empty before and after."""
    for name, value in _cluster.environment.items():
        monkeypatch.setenv(name, value)
    yield _cluster
    _cluster.clear()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a training that saves by itself, in a file, and imports no torch."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(TRAINER, folder / "train.py")
    (folder / "config.yaml").write_text(
        "name: sum\nentry: train.py\nlauncher: slurm\nparams: {steps: 200}\n"
        "slurm: {time: 10m, partition: low, warning: 60}\n"
    )
    return folder
