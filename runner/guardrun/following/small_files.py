"""The small JSON files of a run directory, read again only when they changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import read_bounded
from guardrun.provenance.slurm import JOB_FILE

_ROLES: Final = ("best", "last")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object from a regular file of moderate size; None for anything else."""
    try:
        body = orjson.loads(read_bounded(path))
    except (OSError, ValueError):
        return None
    return body if type(body) is dict else None


class SmallFiles:
    """run.json, the newest attempts/<n>.json, best.json and last.json."""

    def __init__(self, paths: RunPaths) -> None:
        self._paths = paths
        self._known: dict[Path, tuple[tuple[int, int, int], dict[str, Any] | None]] = {}
        self.identity: dict[str, Any] | None = None
        self.launch: dict[str, Any] | None = None
        self.pointers: Mapping[str, dict[str, Any]] = {}

    def refresh(self) -> bool:
        """Look again; whether something changed."""
        before = (self.identity, self.launch, self.pointers)
        if self.identity is None:
            self.identity = self._read(self._paths.run_json)
        number = self._newest_attempt()
        if number is not None:
            self.launch = self._with_job(self._read(self._paths.attempt(number)))
        found = {role: self._read(self._paths.pointer(role)) for role in _ROLES}
        self.pointers = {role: self._with_presence(body) for role, body in found.items() if body is not None}
        return (self.identity, self.launch, self.pointers) != before

    def _with_job(self, launch: dict[str, Any] | None) -> dict[str, Any] | None:
        """An attempt that a scheduler was given, with the job that it waits for."""
        if launch is None or not launch.get("scheduler"):
            return launch
        return {**launch, "slurm": self._read(self._paths.root / JOB_FILE) or {}}

    def _with_presence(self, pointer: dict[str, Any]) -> dict[str, Any]:
        """The pointer, and whether what it names is (still) there: a proof says how it was, not how it is."""
        folder = str(pointer.get("folder") or "")
        # os.path answers False for a name that no file system could have, where pathlib raises.
        gone = not folder or not os.path.exists(self._paths.checkpoints / Path(folder).name / "meta.json")
        return {**pointer, "gone": gone}

    def _newest_attempt(self) -> int | None:
        try:
            names = os.listdir(self._paths.attempts)
        except OSError:
            return None
        stems = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return max((int(stem) for stem in stems if stem.isascii() and stem.isdigit()), default=None)

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            facts = os.stat(path, follow_symlinks=False)
        except OSError:
            return None
        mark = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        known = self._known.get(path)
        if known is None or known[0] != mark:
            known = self._known[path] = (mark, read_json(path))
        return known[1]
