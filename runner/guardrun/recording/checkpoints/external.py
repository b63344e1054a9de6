"""Checkpoints that the user's own code saves: hashed where they are, ranked, never changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.recording.checkpoints.layout import Meta, complete_folders, hash_file, read_meta

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths


def hash_external(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """``files`` entries for a file, or for every file below a folder; synced and read once, in blocks.

    Raises UserError when nothing is there, OSError when something can't be read.
    """
    source = Path(os.path.abspath(path))
    if source.is_dir():
        found = sorted(one for one in source.rglob("*") if one.is_file())
    else:
        found = [source] if source.exists() else []
    if not found:
        raise UserError(
            f"cannot register the checkpoint {source}: there is no such file",
            hint="call run.register_checkpoint after the file has been written",
        )
    entries = []
    for file in found:
        sha256, size = hash_file(file, sync=True)
        entries.append({"path": str(file), "sha256": sha256, "bytes": size, "external": True})
    return entries


def overwritten(paths: RunPaths, meta: dict[str, Any]) -> set[str]:
    """Names of checkpoint folders whose external files ``meta`` has since replaced by other contents."""
    now = {entry["path"]: entry["sha256"] for entry in meta["files"] if entry["external"]}
    gone = set()
    for name in complete_folders(paths):
        found = read_meta(paths.checkpoints / str(name))
        if isinstance(found, Meta) and any(
            entry["external"] and now.get(entry["path"], entry["sha256"]) != entry["sha256"]
            for entry in found.body["files"]
        ):
            gone.add(str(name))
    return gone
