"""The folder ``.guardrun/`` for what belongs to no run; it keeps itself out of git."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from guardrun.events.atomic import write_atomic

OWN: Final = ".guardrun"


def own_folder(base: Path, name: str) -> Path:
    """``base/.guardrun/name``, made if need be. Raises OSError."""
    place = base / OWN / name
    place.mkdir(parents=True, exist_ok=True)
    ignore = base / OWN / ".gitignore"
    if not ignore.exists():
        write_atomic(ignore, b"*\n", sync=False)
    return place
