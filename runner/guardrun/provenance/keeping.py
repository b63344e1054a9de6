"""Copies of the code that a commit alone would not bring back, in the run's directory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from guardrun.events.atomic import write_atomic
from guardrun.events.paths import RunPaths
from guardrun.provenance.git import GitFacts
from guardrun.provenance.secrets import Secrets, without_named


def keep_code(paths: RunPaths, git: GitFacts, secrets: Secrets) -> None:
    """git.diff and copies of untracked sources, of the latest attempt, without ``secrets`` and without what
    looks like one. Raises OSError when git.diff can't be written.
    """
    if git.diff or paths.git_diff.exists():
        write_atomic(paths.git_diff, without_named(_scrubbed(git.diff, secrets), diff=True))
    shutil.rmtree(paths.untracked, ignore_errors=True)
    for name in git.untracked:
        source, target = Path(str(git.root)) / name, paths.untracked / name
        try:
            content = source.read_bytes()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(without_named(_scrubbed(content, secrets)))
            os.chmod(target, source.stat().st_mode & 0o777 | 0o200)
        except OSError:
            continue  # it vanished or can't be read: the list in the attempt's file still names it


def _scrubbed(content: bytes, secrets: Secrets) -> bytes:
    secrets.look_for_shapes(content.decode("utf-8", "replace"))
    return secrets.hide_bytes(content)
