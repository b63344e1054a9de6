"""Where every file of a run lies. The only place that knows file names."""

from __future__ import annotations

import os
import re
from pathlib import Path

_RANK_FILE = re.compile(r"events\.rank(\d+)\.jsonl")


class RunPaths:
    """The files of one run directory (``runs/<run_id>/``). Makes nothing, reads nothing."""

    __slots__ = ("root",)

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def __repr__(self) -> str:
        return f"RunPaths({str(self.root)!r})"

    @property
    def run_json(self) -> Path:
        """Identity, written once: id, name, group, created, parent."""
        return self.root / "run.json"

    @property
    def attempts(self) -> Path:
        return self.root / "attempts"

    def attempt(self, number: int) -> Path:
        """What the launcher knew about attempt ``number`` (1, 2, ...)."""
        return self.attempts / f"{number}.json"

    @property
    def config_yaml(self) -> Path:
        return self.root / "config.yaml"

    @property
    def git_diff(self) -> Path:
        return self.root / "git.diff"

    @property
    def untracked(self) -> Path:
        """Copies of untracked source files below a size limit."""
        return self.root / "untracked"

    def events(self, rank: int = 0) -> Path:
        return self.root / ("events.jsonl" if rank == 0 else f"events.rank{rank}.jsonl")

    @property
    def supervisor(self) -> Path:
        return self.root / "supervisor.jsonl"

    @property
    def system(self) -> Path:
        return self.root / "system.jsonl"

    @property
    def console(self) -> Path:
        return self.root / "console.log"

    @property
    def control(self) -> Path:
        """Commands from people, tools and the policy."""
        return self.root / "control"

    @property
    def data(self) -> Path:
        """The record of each data set and a hash of each of its examples, for later runs to compare with."""
        return self.root / "data"

    @property
    def stacks(self) -> Path:
        """Python stacks of ranks that hung or were to be ended, as their supervisor saved them."""
        return self.root / "stacks"

    def raw_stacks(self, rank: int) -> Path:
        """What a rank's processes write by themselves when they are asked for their stacks."""
        return self.stacks / f"raw.rank{rank}.txt"

    @property
    def leases(self) -> Path:
        return self.root / "leases"

    def lease(self, holder: str) -> Path:
        """Who holds this run: ``holder`` is "trainer" (rank 0) or "supervisor"."""
        return self.leases / f"{holder}.json"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def checkpoint(self, step: int, attempt: int) -> Path:
        return self.checkpoints / f"step-{step}-a{attempt}"

    def pointer(self, role: str) -> Path:
        """``best.json`` or ``last.json``: names a folder and its meta's hash."""
        return self.checkpoints / f"{role}.json"


def rank_of(file_name: str) -> int | None:
    """The rank whose events this file holds, or None when it is not an events file."""
    if file_name == "events.jsonl":
        return 0
    match = _RANK_FILE.fullmatch(file_name)
    return int(match[1]) if match else None


def is_run_directory(path: Path) -> bool:
    """Whether a folder is a run: it has an identity or at least events."""
    # os.path answers False for a folder that may not be looked into, where pathlib raises.
    return os.path.isfile(path / "run.json") or os.path.isfile(path / "events.jsonl")
