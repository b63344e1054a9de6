"""What makes a folder a run, kept in memory, so that one that is moved or deleted can be made anew."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guardrun.events.atomic import write_atomic
from guardrun.events.untrusted import read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MOST_BYTES = 16 * 1024 * 1024


class RememberedFolder:
    """The mode of ``root`` and the content of ``files`` below it, as they are now."""

    def __init__(self, root: Path, files: Iterable[Path] = ()) -> None:
        self._root = root
        self._mode = 0o700
        self._files: dict[Path, bytes] = {}
        try:
            self._mode = os.stat(root).st_mode & 0o7777
        except OSError:
            pass
        for file in files:
            try:
                self._files[file] = read_bounded(file, _MOST_BYTES)
            except OSError:
                continue

    def make_anew(self) -> bool:
        """Make what is missing of it; False when that fails. Never raises."""
        try:
            os.makedirs(self._root.parent, exist_ok=True)
            if not self._root.is_dir():
                os.mkdir(self._root, self._mode)
            for file, content in self._files.items():
                if not file.exists():
                    os.makedirs(file.parent, exist_ok=True)
                    write_atomic(file, content, sync=False)
        except OSError:
            return False
        return True
