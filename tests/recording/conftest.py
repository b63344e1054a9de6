"""Training scripts as real processes, and runs in this process, with what they left on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import guardrun
from guardrun.recording import starting
from waiting import wait_for


class Script:
    """A training script of its own in a process of its own, with its runs in ``folder/runs``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def start(self, text: str, *prefix: str, **environment: str) -> subprocess.Popen[str]:
        file = self.folder / "train.py"
        file.write_text(text)
        process = subprocess.Popen(
            [sys.executable, *prefix, str(file)],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            text=True, env={**os.environ, **environment}, start_new_session=True,
        )  # fmt: skip
        self._started.append(process)
        return process

    def run(self, text: str, *prefix: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(text, *prefix, **environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess([], process.returncode, out, err)

    def events(
        self, kind: str | None = None, file: str = "events.jsonl", run: int = 0
    ) -> list[dict[str, Any]]:
        folders = [path.parent for path in sorted((self.folder / "runs").glob("*/run.json"))]
        return read_events(folders[run] / file, kind) if len(folders) > run else []

    def wait_for_step(self, step: int) -> None:
        wait_for(lambda: any(e["step"] >= step for e in self.events("metrics")), 30, what=f"step {step}")

    def kill_all(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def read_events(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The whole lines of an event log, of one kind if asked."""
    if not path.exists():
        return []
    lines = path.read_bytes().rpartition(b"\n")[0].splitlines()
    found = [json.loads(line) for line in lines]
    return [event for event in found if kind is None or event["kind"] == kind]


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path)
    yield made
    made.kill_all()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., guardrun.Run]]:
    """Start runs in this process; whatever a test left open is ended."""

    def start(**arguments: Any) -> guardrun.Run:
        return guardrun.start("test", runs_dir=tmp_path / "runs", **arguments)

    yield start
    for run in list(starting._process.open):
        run.finish()


@pytest.fixture
def log_of() -> Callable[..., list[dict[str, Any]]]:
    """The events of a run in this process so far."""

    def events(run: guardrun.Run, kind: str | None = None) -> list[dict[str, Any]]:
        assert run.path is not None
        return read_events(run.path / "events.jsonl", kind)

    return events
