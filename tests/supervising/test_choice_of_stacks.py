"""Stacks come from py-spy where it is installed and permitted, else from the process's own handler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardrun.events.paths import RunPaths
from guardrun.supervising.process_tree import Identity, identify
from guardrun.supervising.stacks import StackSaver

SIGNAL = 50
CHILD = f"""
import faulthandler, sys, time
faulthandler.register({SIGNAL}, file=open(sys.argv[1], "a"), all_threads=True)
def waits_here():
    print("ready", flush=True)
    time.sleep(600)
waits_here()
"""


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Identity]:
    paths = RunPaths(tmp_path)
    paths.stacks.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(paths.raw_stacks(0))], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    found = identify(process.pid)
    assert found is not None
    yield found
    process.kill()
    process.communicate()


def saved(folder: Path, training: Identity) -> str:
    """What is saved of one rank, whose process writes its stacks at the signal."""
    saver = StackSaver(RunPaths(folder), lambda: {0: training}, {0: SIGNAL})
    return (folder / saver.save()).read_text()


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A py-spy on PATH that does as the script says."""
    folder.mkdir()
    program = folder / "py-spy"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_py_spy_is_asked_first(tmp_path: Path, training: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", monkeypatch, 'echo "told by py-spy: $*"')

    told = saved(tmp_path, training)

    assert f"told by py-spy: dump --pid {training.pid}" in told
    assert "waits_here" not in told


@pytest.mark.parametrize("script", ["echo 'Permission Denied' >&2; exit 1", "exit 0"])
def test_a_process_writes_its_stacks_itself_where_py_spy_is_refused_or_tells_nothing(
    tmp_path: Path, training: Identity, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    stand_in(tmp_path / "bin", monkeypatch, script)

    assert "in waits_here" in saved(tmp_path, training)


def test_a_process_writes_its_stacks_itself_where_there_is_no_py_spy(
    tmp_path: Path, training: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    assert "in waits_here" in saved(tmp_path, training)
