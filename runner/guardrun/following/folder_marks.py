"""Whether files came to, or left, some folders: one stat a folder instead of a listing of each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_UNSURE_NS: Final = 2_000_000_000
"""A folder that changed so short a time ago may change again without another time stamp."""
SURE_S: Final = 30.0
"""After that long the answer is yes: a file system's clock may be wrong, and a file below may change."""


class FolderMarks:
    """Remembers the times of change of folders that need not exist."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [os.fspath(folder) for folder in folders]
        self._marks: list[int] = []
        self._looked = float("-inf")

    def changed(self, now: float) -> bool:
        """Whether something may have come or gone since the last "yes"; ``now`` is ``time.monotonic()``."""
        marks = [self._mark(folder) for folder in self._folders]
        fresh = time.time_ns() - max(marks) < _UNSURE_NS
        if marks == self._marks and not fresh and now - self._looked < SURE_S:
            return False
        self._marks, self._looked = marks, now
        return True

    @staticmethod
    def _mark(folder: str) -> int:
        try:
            return os.stat(folder).st_mtime_ns
        except OSError:
            return 0
