"""Real trainings of sample_runs/faults under the real ``guard run``, and what is known of them afterwards."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from guard_process import GUARD, ROOT, events, only_run, show
from guardrun.signals.context import Context, EngineSettings
from guardrun.signals.rules import all_rules

SAMPLE = ROOT / "sample_runs" / "faults"
HEALTH = {r.about.id for r in all_rules(Context(EngineSettings())) if r.about.family == "health"}
TIMEOUT = 150.0


class Trained(NamedTuple):
    """A training that is over."""

    code: int
    """What ``guard run`` returned."""
    said: str
    """What it printed."""
    run: Path

    @property
    def shown(self) -> dict[str, Any]:
        return show(self.run)

    def rows(self, rank: int = 0, kind: str = "metrics") -> list[dict[str, Any]]:
        return events(self.run, "events.jsonl" if rank == 0 else f"events.rank{rank}.jsonl", kind)

    def raised(self, id: str) -> list[dict[str, Any]]:
        """The transitions of one signal that the supervisor wrote as it happened."""
        found = events(self.run, "supervisor.jsonl", "signal")
        return [each for each in found if each["id"] == id and each["state"] == "raised"]

    def alarms(self) -> set[str]:
        """Signals about the health of the training that were more than information."""
        found = events(self.run, "supervisor.jsonl", "signal")
        return {each["id"] for each in found if each["severity"] != "info"} & HEALTH

    def weights(self, role: str) -> dict[str, Any]:
        """The model's weights in the best or last checkpoint, loaded as anybody would."""
        import torch

        found = torch.load(self.run / "checkpoints" / role / "rank0.pt", weights_only=True)
        model: dict[str, Any] = found["objects"]["model"]
        return model


class Training:
    """A training that runs."""

    def __init__(self, folder: Path, overrides: tuple[str, ...], prefix: tuple[str, ...]) -> None:
        self.folder = folder
        shutil.copytree(SAMPLE, folder / "faults", ignore=shutil.ignore_patterns("__pycache__", "runs"))
        self.process = subprocess.Popen(
            [*prefix, *GUARD, "run", "faults/config.yaml", *overrides],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def run(self) -> Path:
        return only_run(self.folder / "runs", 60)

    def ended(self) -> Trained:
        said, _ = self.process.communicate(timeout=TIMEOUT)
        return Trained(self.process.returncode, said, only_run(self.folder / "runs"))


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Training]:
    """Start a training with these overrides; ``prefix`` is a command that starts another."""
    count = iter(range(100))

    def begin(*overrides: str, prefix: tuple[str, ...] = ()) -> Training:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        return Training(folder, overrides, prefix)

    return begin


@pytest.fixture
def train(start: Callable[..., Training]) -> Callable[..., Trained]:
    """Train with these overrides to the end."""
    return lambda *overrides: start(*overrides).ended()
