"""Which folders git keeps: what lies there is a record, and nothing is to be added to it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

_WAIT_S: Final = 5.0


def kept_by_git(folder: Path) -> bool:
    """Whether git tracks a file of the folder; False without git, and where git does not answer in time."""
    if not any((above / ".git").exists() for above in folder.resolve().parents):
        return False
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
        "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0",
    }  # fmt: skip
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "ls-files", "-z", "--", "."], cwd=folder, env=environ,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_WAIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout)
