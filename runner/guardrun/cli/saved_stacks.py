"""The Python stacks that a supervisor saved of a run's processes, as `guard show` names them."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths

_NAME: Final = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.rank\d{1,6}\.txt", re.ASCII)
_MOST: Final = 1000


def saved_stacks(paths: RunPaths) -> list[str]:
    """``stacks/<time>.rank<k>.txt`` below the run directory, the oldest first; the newest thousand.

    Regular files in a real folder alone: a link in the place of either leads out of the run.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        folder = os.open(paths.stacks, flags)
    except OSError:
        return []
    try:
        names = [name for name in os.listdir(folder) if _NAME.fullmatch(name) and _regular(name, folder)]
    except OSError:
        return []
    finally:
        os.close(folder)
    return [f"stacks/{name}" for name in sorted(names)[-_MOST:]]


def _regular(name: str, folder: int) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
