"""Where the measured processes run: run directories, caches and settings of their own, one command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.dashboard_cost.run_folders import make_fleet
from benchmarks.dashboard_cost.terminal import Terminal

ROOT: Final = Path(__file__).resolve().parents[2]


class Place:
    """A folder below which all data of a measurement lies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = [str(ROOT / "runner"), str(ROOT / "tui"), str(ROOT)]
        self.env = {
            "PYTHONPATH": os.pathsep.join(paths),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "OMP_NUM_THREADS": "1",
        }

    def runs(self, name: str, count: int, steps: int, *, live: bool = False) -> Path:
        """``count`` runs of ``steps`` steps; live ones belong to this process."""
        made = self.folder / name
        if not made.exists():
            make_fleet(made, count, steps, over=not live, pid=os.getpid() if live else None)
        return made

    def watch(self, *paths: Path, width: int = 120, height: int = 40, cache: str = "cache") -> Terminal:
        """The dashboard in a terminal; another ``cache`` is an empty one."""
        command = [sys.executable, "-m", "guardrun.cli.main", "watch", *map(str, paths)]
        env = {**self.env, "XDG_CACHE_HOME": str(self.folder / cache)}
        return Terminal(command, width=width, height=height, env=env)

    @contextmanager
    def writing(self, runs: Path, rate: float, *, regular: bool = True) -> Iterator[None]:
        """Meanwhile ``rate`` events a second are written into each run."""
        words = [str(runs), str(rate), "600", "regular" if regular else "random"]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.dashboard_cost.run_folders", *words],
            cwd=ROOT, env={**os.environ, **self.env},
        )  # fmt: skip
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def only(runs: Path) -> Path:
    """The one run below a folder."""
    (found,) = runs.iterdir()
    return found
