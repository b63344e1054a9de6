"""New run directories: a readable id, created atomically."""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.events.access import PRIVATE, Access, group_id, make_root, share
from guardrun.events.atomic import write_atomic
from guardrun.events.paths import RunPaths

if TYPE_CHECKING:
    from pathlib import Path

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


def slug(name: str) -> str:
    """A name that is safe as part of a file name; at most 48 characters."""
    return _UNSAFE.sub("-", name).strip("-.")[:48] or "run"


def new_run_id(name: str, now: float) -> str:
    """``2026-11-24_15-30-12_<name>_<4 hex>`` in local time."""
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(now))
    return f"{stamp}_{slug(name)}_{os.urandom(2).hex()}"


def create_run(
    runs_dir: Path,
    name: str,
    *,
    group: str | None = None,
    parent: str | None = None,
    run_id: str | None = None,
    access: Access = PRIVATE,
) -> RunPaths:
    """Make ``runs_dir/<run_id>/`` with its identity. mkdir decides a race: two runs never share a folder.

    Only its owner may look into it, unless ``access`` says otherwise. Raises UserError when it can't be made.
    """
    now = time.time()
    if access.group is not None:
        group_id(access.group)
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        paths = _make_unique(runs_dir, name, now, run_id, access)
        for folder in (paths.attempts, paths.control, paths.leases, paths.checkpoints):
            folder.mkdir()
        share(paths, access)
        identity: dict[str, Any] = {
            "id": paths.root.name,
            "name": name,
            "group": group,
            "created": now,
            "parent": parent,
        }
        if access.group is not None:
            identity["access"] = {"group": access.group}
        write_atomic(paths.run_json, json.dumps(identity, indent=1).encode() + b"\n")
    except OSError as error:
        raise UserError(
            f"cannot make a run directory in {runs_dir}: {error.strerror or error}",
            hint="choose another place with --runs-dir, or make that folder writable",
        ) from error
    return paths


def _make_unique(runs_dir: Path, name: str, now: float, run_id: str | None, access: Access) -> RunPaths:
    for _ in range(100):
        root = runs_dir / (run_id or new_run_id(name, now))
        try:
            make_root(root, access)
        except FileExistsError:
            if run_id is not None:
                raise
            continue
        return RunPaths(root)
    raise OSError(f"no free run id for {name!r}")
