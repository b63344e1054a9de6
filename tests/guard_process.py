"""Start the real `guard` command as a user's shell would, and look at what it left on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]
GUARD = [sys.executable, "-m", "guardrun.cli.main"]
FAULTS = str(ROOT / "sample_runs/faults/config.yaml")
"""A training with PyTorch: nothing goes wrong unless asked, and ``params.pace`` makes it take its time."""
FOR_LONG = (FAULTS, "params.epochs=500", "params.pace=0.01", "policy.overfit=off")
"""Goes on for minutes, whatever it learns."""


def guard(
    *arguments: str, cwd: Path, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a guard command to its end."""
    return subprocess.run(
        [*GUARD, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def start_guard(*arguments: str, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a guard command in a process group of its own, as a shell does, and return at once."""
    return subprocess.Popen(
        [*GUARD, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        **options,
    )


def only_run(runs: Path, seconds: float = 30) -> Path:
    """The one run directory below ``runs``, as soon as it is there."""
    found = wait_for(lambda: sorted(runs.glob("*/run.json")), seconds, what=f"a run in {runs}")
    assert len(found) == 1
    return found[0].parent


def events(run: Path, file: str = "events.jsonl", kind: str | None = None) -> list[dict[str, Any]]:
    """The whole lines of an event file so far, of one kind if asked."""
    path = run / file
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    parsed = [json.loads(line) for line in whole.splitlines()]
    return [event for event in parsed if kind is None or event["kind"] == kind]


def wait_for_step(run: Path, step: int, seconds: float = 60) -> None:
    """Until the training has logged this step."""
    wait_for(
        lambda: any(e.get("step", 0) >= step for e in events(run, kind="metrics")),
        seconds,
        what=f"step {step}",
    )


def show(run: Path) -> dict[str, Any]:
    """What `guard show --json` says of a run."""
    done = guard("show", str(run), "--json", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def trainer_pid(run: Path) -> int:
    """The training process's own pid, from its header."""
    headers = wait_for(lambda: events(run, kind="header"), 60, what="the training's header")
    return int(headers[-1]["pid"])


def processes_of(run: Path) -> list[str]:
    """Command lines of processes that carry this run's directory in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            carries = f"GUARDRUN_DIR={run}".encode() in (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if carries and command:
            found.append(f"{process.name} {command}")
    return found
