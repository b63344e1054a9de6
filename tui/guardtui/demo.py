"""The demo, from an empty list: a real run by ``guard demo --detach``, which goes on when one leaves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from guardtui.resuming import messages, run_guard


def start_demo(runs_dir: Path) -> str:
    """Start it with its run below ``runs_dir``; "" once its supervisor runs, or what went wrong."""
    place = str(runs_dir.absolute())
    command = [sys.executable, "-P", "-m", "guardrun.cli.main", "demo", "--detach", "--runs-dir", place]
    folder = place if runs_dir.is_dir() else os.path.dirname(place)
    code, _, err = run_guard(command, folder if os.path.isdir(folder) else os.getcwd())
    return "" if not code else messages(err) or f"guard demo ended with exit code {code}"
