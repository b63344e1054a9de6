"""W&B LEET beside guard, where ``wandb`` is installed: one run of the same numbers, written by its SDK."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.dashboard_cost.living import RATE, WINDOW_S, cost
from benchmarks.dashboard_cost.place import Place, only
from benchmarks.dashboard_cost.table import Row
from benchmarks.dashboard_cost.terminal import NeverShown, Terminal

COMMAND: Final = "GUARD_BENCHMARK_WANDB"
"""Environment variable that names a ``wandb`` command outside PATH."""


def beside(rows: list[Row], place: Place) -> tuple[list[Row], str]:
    """The rows with LEET's numbers where there are any, and a line that says what was measured."""
    command = os.environ.get(COMMAND) or shutil.which("wandb")
    if not command:
        return rows, f"LEET was not measured: there is no wandb command (install it, or set {COMMAND})."
    try:
        measured = measure(place, Path(command))
    except (OSError, NeverShown, subprocess.SubprocessError) as error:
        return rows, f"LEET could not be measured: {error}"
    said = "LEET: wandb leet on one run with the same numbers, 120x40, its own layout of charts."
    return [replace(row, leet=measured.get(row.what)) for row in rows], said


def measure(place: Place, command: Path) -> dict[str, float]:
    """By the names of guard's rows."""
    run = only(place.runs("leet", 1, 3_000))
    folder = place.folder / "wandb-data"
    folder.mkdir(exist_ok=True)
    writer_script = Path(__file__).with_name("leet_writer.py")
    python = command.with_name("python")
    words = [str(run / "events.jsonl"), str(folder), str(RATE), str(4 * WINDOW_S)]
    env = {**os.environ, "WANDB_SILENT": "true", "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    writer = subprocess.Popen(
        [str(python), str(writer_script), *words], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        _wait_for(writer, "ready")
        (data,) = folder.glob("wandb/offline-run-*")
        leet_env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        with Terminal([str(command), "leet", "run", str(data)], env=leet_env) as terminal:
            terminal.shows("loss")
            time.sleep(3)
            used, sent = cost(terminal)
            _wait_for(writer, "silent")
            time.sleep(3)
            idle_used, idle_sent = cost(terminal)
            memory = terminal.megabytes("VmHWM")
    finally:
        writer.kill()
        writer.wait()
    return {
        "CPU, one run at 10 events/s, several charts": used,
        "bytes, 120x40, four charts at 10 events/s": sent / 1e3,
        "CPU idle, one run": idle_used,
        "bytes idle, one run": idle_sent,
        "memory: one run": memory,
    }


def _wait_for(writer: subprocess.Popen[str], word: str) -> None:
    for line in writer.stdout or ():
        if line.strip() == word:
            return
    raise NeverShown(f"the wandb SDK ended with {writer.wait()}: {sys.executable}")
