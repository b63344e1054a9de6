"""Real run directories and real supervisor processes, with intervals short enough for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run
from guardrun.provenance.host import process_start
from waiting import wait_for

HERE = Path(__file__).parent
TRAINER = HERE / "stand_in_trainer.py"

_DRIVER = """
import sys
from guardrun.events.paths import RunPaths
from guardrun.supervising.supervisor import Tempo, run_supervisor
{patience}
tempo = Tempo(**{tempo})
sys.exit(run_supervisor(RunPaths({root!r}), {attempt}, attach={attach}, tempo=tempo))
"""

_IMPATIENT = """
import guardrun.signals.rules.hang as hang
hang.HUNG_HARD_TIMES = 1.5
"""
"""With ``stop.hang`` of a second: what is done about a hang, without the wait for it."""


class SupervisedRun:
    """One run directory, its supervisor processes, and what they wrote."""

    def __init__(self, folder: Path) -> None:
        self.paths: RunPaths = create_run(folder / "runs", "test")
        self.supervisors: list[subprocess.Popen[bytes]] = []

    def attempt(
        self, command: list[str], *, number: int = 1, library: bool | None = None, **config: Any
    ) -> None:
        """Write attempts/<n>.json as the launcher would."""
        launch = {
            "attempt": number, "created": 0.0, "config": config, "command": command, "library": library,
            "workdir": str(self.paths.root), "python": sys.executable, "host": "", "cli": [],
        }  # fmt: skip
        self.paths.attempt(number).write_text(json.dumps(launch))

    def trainer(self, *words: str, number: int = 1, **config: Any) -> None:
        """An attempt that runs the stand-in trainer."""
        self.attempt([sys.executable, str(TRAINER), *words], number=number, library=True, **config)

    def script(self, text: str, *words: str, library: bool | None = None, **config: Any) -> None:
        """An attempt that runs this Python program."""
        path = self.paths.root / "script.py"
        path.write_text(textwrap.dedent(text))
        self.attempt([sys.executable, str(path), *words], library=library, **config)

    def supervise(
        self, *, number: int = 1, attach: bool = False, impatient: bool = False, **tempo: float
    ) -> subprocess.Popen[bytes]:
        """Start a supervisor in a process of its own; one that is impatient calls a second a hang."""
        patience = _IMPATIENT if impatient else ""
        tempo = {
            "turn": 0.02,
            "tick": 0.05,
            "sample": 0.2,
            "remember": 0.1,
            "leftover_grace": 0.3,
            "proof": 20.0,
            **tempo,
        }
        code = _DRIVER.format(
            tempo=tempo, root=str(self.paths.root), attempt=number, attach=attach, patience=patience
        )
        with open(self.paths.root / "supervisor.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.supervisors.append(process)
        return process

    def stop(self, **options: Any) -> None:
        options = {"attempt": 1, "via": "cli", **options}
        send_command(self.paths, "stop", **options)

    def events(self, kind: str | None = None, file: Path | None = None) -> list[dict[str, Any]]:
        try:
            lines = (file or self.paths.supervisor).read_bytes().splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return [event for event in found if kind in (None, event["kind"])]

    def steps(self) -> int:
        return len(self.events("metrics", self.paths.events()))

    def stages(self) -> list[str]:
        return [event["stage"] for event in self.events("phase")]

    def notes(self) -> str:
        return "\n".join(event["text"] for event in self.events("note"))

    def end(self) -> dict[str, Any]:
        """The supervisor's run_end."""
        (event,) = self.events("run_end")
        return event

    def training_pid(self) -> int:
        return int(wait_for(lambda: self.events("run_start"), what="run_start")[-1]["pid"])

    def complaints(self) -> str:
        return (self.paths.root / "supervisor.log").read_text()


def gone(pid: int) -> bool:
    return process_start(pid) is None


@pytest.fixture
def run(tmp_path: Path) -> Iterator[SupervisedRun]:
    """A run directory; whatever is still alive of it at the end is killed."""
    made = SupervisedRun(tmp_path)
    yield made
    mark = f"GUARDRUN_DIR={made.paths.root.resolve()}".encode()
    for process in made.supervisors:
        if process.poll() is None:
            process.kill()
        process.wait()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue


@pytest.fixture
def is_gone() -> Callable[[int], bool]:
    """Whether no living process has this pid (a zombie is gone)."""
    return gone


@pytest.fixture
def trainer_path() -> str:
    """The stand-in for a training with our library."""
    return str(TRAINER)
