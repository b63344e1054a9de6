"""The samples of each framework, really trained in this process, stopped and resumed through their run."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrun.events.commands import STOP, send_command
from guardrun.events.paths import RunPaths
from guardrun.recording import starting
from guardrun.recording.checkpoints.prove import prove
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]


class Trained:
    """What a training left in its run directory."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def events(self, kind: str, rank: int = 0) -> list[dict[str, Any]]:
        name = f"events.rank{rank}.jsonl" if rank else "events.jsonl"
        whole = (self.run / name).read_bytes().rpartition(b"\n")[0]
        return [event for event in map(json.loads, whole.splitlines()) if event["kind"] == kind]

    def steps(self, name: str) -> dict[int, Any]:
        return {event["step"]: event[name] for event in self.events("metrics") if name in event}

    def notes(self) -> str:
        return "\n".join(event["text"] for event in self.events("note"))

    def end(self) -> dict[str, Any]:
        return self.events("run_end")[-1]

    def proved(self, role: str) -> dict[str, Any]:
        found = prove(RunPaths(self.run), role)
        assert found["verified"], found["problem"]
        return found

    def files(self, role: str) -> list[str]:
        folder = json.loads((self.run / "checkpoints" / f"{role}.json").read_bytes())["folder"]
        meta = json.loads((self.run / "checkpoints" / folder / "meta.json").read_bytes())
        return [entry["path"] for entry in meta["files"]]


class Trainings:
    """Starts trainings in an empty folder of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch

    def sample(self, name: str, *arguments: str, stop_at: int | None = None) -> Trained:
        """A script of sample_runs; asked to stop once it has done ``stop_at`` steps."""
        script = str(ROOT / "sample_runs" / name / "train.py")
        self._monkeypatch.setattr(sys, "argv", [script, *arguments])
        return self.train(lambda: runpy.run_path(script, run_name="__main__"), stop_at)

    def train(self, script: Callable[[], Any], stop_at: int | None = None) -> Trained:
        thread = threading.Thread(target=self.stop, args=(stop_at,), daemon=True)
        if stop_at is not None:
            thread.start()
        try:
            script()
        finally:
            end_runs()
        if stop_at is not None:
            thread.join()
        return self.trained()

    def trained(self) -> Trained:
        return self.all()[-1]

    def all(self) -> list[Trained]:
        return [Trained(file.parent) for file in sorted(self.folder.glob("runs/*/run.json"))]

    def resume(self, trained: Trained) -> None:
        """What comes next is the second attempt of this run, as `guard run --resume` starts it."""
        self._monkeypatch.setenv("GUARDRUN_DIR", str(trained.run))
        self._monkeypatch.setenv("GUARDRUN_ATTEMPT", "2")
        launch = json.loads((trained.run / "attempts" / "1.json").read_bytes())
        (trained.run / "attempts" / "2.json").write_text(json.dumps({**launch, "attempt": 2}))

    def command(self, *words: str, stop_at: int) -> Trained:
        """`guard run -- WORDS`, asked to stop once it has done ``stop_at`` steps: one run, exit code 0."""
        process = subprocess.Popen(
            [sys.executable, "-m", "guardrun.cli.main", "run", "--", *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            self.stop(stop_at)
            said, _ = process.communicate(timeout=150)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 0, said
        (trained,) = self.all()
        return trained

    def stop(self, step: int) -> None:
        """Wait until this step is done, and ask the run to stop."""

        def reached() -> Path | None:
            for events in self.folder.glob("runs/*/events.jsonl"):
                if f'"step":{step},'.encode() in events.read_bytes():
                    return events.parent
            return None

        run = wait_for(reached, 60, what=f"step {step}")
        send_command(RunPaths(run), STOP, attempt=1, via="cli")


def end_runs() -> None:
    """What the end of the process does."""
    for run in reversed(list(starting._process.open)):
        run._process_ends()
    starting._process.joined = False


@pytest.fixture
def trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trainings]:
    monkeypatch.chdir(tmp_path)
    yield Trainings(tmp_path, monkeypatch)
    end_runs()
