"""The sources of a folder that no version control knows: which there are, and one hash of them all."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

CODE = frozenset((
    ".py", ".pyx", ".pyi", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".sh", ".ipynb", ".c", ".cc", ".cpp",
    ".cu", ".cuh", ".h", ".hpp", ".rs", ".jl", ".r", ".lua", ".gin",
))  # fmt: skip
"""Endings of files that are read as sources."""

RULE = "sha256 over the sorted sources, each as its path, a zero byte and its sha256"
_NO_SOURCES = frozenset(("__pycache__", "node_modules", "site-packages", "wandb", "mlruns", "lightning_logs"))
_MAX_ENTRIES = 20_000
_MAX_DEPTH = 6
_MAX_BYTES = 1024 * 1024
_BLOCK = 1 << 20


class Sources(NamedTuple):
    """Source files of a folder, relative to it, sorted."""

    files: tuple[str, ...]
    complete: bool
    """False: there was more than is looked at, or it took too long."""


def find_sources(folder: Path, *, exclude: Path | None, deadline: float) -> Sources:
    """Files with an ending of ``CODE``, no larger than 1 MiB; nothing hidden, no environment, no link.

    Of a home directory, the file system's root and the folder for temporary files only the files directly
    in it: nobody's whole disk is a training. ``deadline`` is a time of ``time.monotonic()``. Never raises.
    """
    wide = {Path("/"), Path.home(), Path(tempfile.gettempdir())}
    depth = 0 if folder in wide else _MAX_DEPTH
    found: list[str] = []
    budget = [_MAX_ENTRIES]
    for path in _walk(folder, depth, exclude, budget):
        if time.monotonic() > deadline:
            budget[0] = -1
            break
        found.append(os.path.relpath(path, folder))
    return Sources(tuple(sorted(found)), budget[0] >= 0)


def _walk(folder: Path, depth: int, exclude: Path | None, budget: list[int]) -> Iterator[Path]:
    folders: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                budget[0] -= 1
                if budget[0] < 0:
                    return
                path = folder / entry.name
                if entry.name.startswith(".") or entry.is_symlink() or path == exclude:
                    continue
                if entry.is_dir():
                    if depth and entry.name not in _NO_SOURCES and not (path / "pyvenv.cfg").exists():
                        folders.append(path)
                elif path.suffix.lower() in CODE and entry.is_file() and entry.stat().st_size <= _MAX_BYTES:
                    yield path
    except OSError:
        return
    for child in folders:
        yield from _walk(child, depth - 1, exclude, budget)


def hash_of(root: Path, files: Iterable[str], beginning: bytes = b"") -> str | None:
    """One SHA-256 by ``RULE``, after ``beginning``; None when a file can't be read."""
    whole = hashlib.sha256(beginning)
    for name in sorted(files):
        one = hashlib.sha256()
        try:
            with open(root / name, "rb") as file:
                while block := file.read(_BLOCK):
                    one.update(block)
        except OSError:
            return None
        whole.update(os.fsencode(name) + b"\0" + one.digest())
    return whole.hexdigest()
