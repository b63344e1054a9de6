"""Columns of a large log, kept in the user's cache folder so that opening it again costs next to nothing.

One entry is a small JSON file and a folder of .npy arrays, mapped rather than read. An entry holds only for
the very file it was made from: same inode, at least as long, same bytes at its start and before the offset.
Whatever is damaged, foreign or outdated is no entry. Nothing is ever written into a run directory.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from guardrun.events.atomic import write_atomic
from guardrun.events.encode import encode
from guardrun.events.schema import Event
from guardrun.events.untrusted import open_regular
from guardrun.reading.columns import Batch, Rows
from guardrun.reading.tailer import Tailer

CACHE_FROM_BYTES: Final = 32 * 1024 * 1024
"""Some 200,000 events: smaller logs are read in a tenth of a second anyway."""
_VERSION: Final = 2
_MOST_ENTRIES: Final = 32
_ABANDONED_S: Final = 3600.0
"""A younger folder that no entry names may belong to somebody who is saving right now."""
_SAMPLE: Final = 64 * 1024
_AXES: Final = ("t", "step", "epoch")


class Table(Protocol):
    """Rows of one kind as ``series.store`` keeps them."""

    size: int
    left_out: dict[str, None]

    def order(self) -> NDArray[np.int64]: ...
    def attempts(self) -> NDArray[np.int32]: ...
    def column(self, name: str) -> NDArray[np.float64]: ...
    def names(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Cached:
    """A log up to ``offset``, as it was decoded once."""

    batch: Batch
    offset: int
    inode: tuple[int, int]
    memory: bytes
    attempt: int


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/guardrun`` or ``~/.cache/guardrun``."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "guardrun" / "columns"


def load(path: Path) -> Cached | None:
    """What is known of this log; None when nothing is, or nothing that can be trusted."""
    try:
        entry = _entry(path)
        meta = orjson.loads(entry.with_suffix(".json").read_bytes())
        if meta["version"] != _VERSION or meta["marks"] != _marks(path, meta["offset"]):
            return None
        return _loaded(entry.parent / meta["folder"], meta)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError):
        return None


def save(
    tailer: Tailer,
    tables: Mapping[str, Table],
    events: Iterable[tuple[int, Event]],
    bad_lines: int,
    attempt: int,
) -> bool:
    """Keep what was decoded of a log up to the tailer's offset; False when that is not possible."""
    try:
        return _save(tailer, tables, events, bad_lines, attempt)
    except (OSError, ValueError):
        # A full disk or a cache that may not be written costs speed, nothing else.
        return False


def _save(
    tailer: Tailer,
    tables: Mapping[str, Table],
    events: Iterable[tuple[int, Event]],
    bad_lines: int,
    attempt: int,
) -> bool:
    marks = _marks(tailer.path, tailer.offset)
    if tailer.inode is None or marks["inode"] != list(tailer.inode):
        return False
    entry = _entry(tailer.path)
    entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = entry.parent / f"{entry.name}-{secrets.token_hex(6)}"
    folder.mkdir(mode=0o700)
    try:
        kinds = {}
        for number, (kind, table) in enumerate(tables.items()):
            names = [*_AXES, *(name for name in table.names() if name not in _AXES)]
            np.save(folder / f"{number}.order.npy", table.order(), allow_pickle=False)
            np.save(folder / f"{number}.attempt.npy", table.attempts(), allow_pickle=False)
            _save_columns(folder / f"{number}.columns.npy", table, names)
            kinds[kind] = {"number": number, "names": names, "rows": table.size}
        lines = b"".join(b"%d %s" % (rows, encode(event)) for rows, event in events)
        (folder / "events").write_bytes(lines)
        meta = {
            "version": _VERSION, "path": str(tailer.path), "folder": folder.name, "offset": tailer.offset,
            "marks": marks, "memory": tailer.memory.hex(), "kinds": kinds, "bad_lines": bad_lines,
            "attempt": attempt,
        }  # fmt: skip
        former = _folder_of(entry)
        write_atomic(entry.with_suffix(".json"), orjson.dumps(meta), sync=False)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if former is not None and former != folder:
        shutil.rmtree(former, ignore_errors=True)
    _prune(entry.parent)
    return True


def _save_columns(path: Path, table: Table, names: list[str]) -> None:
    """One .npy of shape (columns, rows), written column by column."""
    with open(path, "wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (len(names), table.size)}
        np.lib.format.write_array_header_1_0(file, header)
        for name in names:
            file.write(np.ascontiguousarray(table.column(name), "<f8").data)


def _loaded(folder: Path, meta: dict[str, Any]) -> Cached:
    rows = []
    for kind, facts in meta["kinds"].items():
        number, names, count = facts["number"], facts["names"], facts["rows"]
        order = np.load(folder / f"{number}.order.npy", mmap_mode="r", allow_pickle=False)
        attempt = np.load(folder / f"{number}.attempt.npy", mmap_mode="r", allow_pickle=False)
        columns = np.load(folder / f"{number}.columns.npy", mmap_mode="r", allow_pickle=False)
        if (
            (order.dtype, attempt.dtype, columns.dtype) != (np.int64, np.int32, np.float64)
            or order.shape != (count,)
            or attempt.shape != (count,)
            or columns.shape != (len(names), count)
        ):
            raise ValueError("arrays of another shape")
        rows.append(Rows(kind, order, attempt, {name: columns[i] for i, name in enumerate(names)}))
    events: list[tuple[int, Event]] = []
    for line in (folder / "events").read_bytes().splitlines():
        before, _, text = line.partition(b" ")
        events.append((int(before), orjson.loads(text)))
    batch = Batch(tuple(rows), sum(len(r.order) for r in rows), tuple(events), int(meta["bad_lines"]))
    inode = (int(meta["marks"]["inode"][0]), int(meta["marks"]["inode"][1]))
    return Cached(batch, int(meta["offset"]), inode, bytes.fromhex(meta["memory"]), int(meta["attempt"]))


def _marks(path: Path, offset: int) -> dict[str, Any]:
    """What tells this file from any other: inode, and a hash of its start and of what precedes the offset."""
    descriptor = open_regular(path)
    try:
        facts = os.fstat(descriptor)
        if facts.st_size < offset:
            raise ValueError("the file is shorter than what was read of it")
        head = os.pread(descriptor, min(_SAMPLE, offset), 0)
        tail_from = max(0, offset - _SAMPLE)
        tail = os.pread(descriptor, offset - tail_from, tail_from)
    finally:
        os.close(descriptor)
    digest = hashlib.blake2b(head + b"|" + tail, digest_size=16).hexdigest()
    return {"inode": [facts.st_dev, facts.st_ino], "bytes": digest}


def _entry(path: Path) -> Path:
    """Where the entry of this log is: a stem, to which ``.json`` is added."""
    name = hashlib.blake2b(os.path.abspath(path).encode("utf-8", "surrogateescape"), digest_size=16)
    return cache_folder() / name.hexdigest()


def _folder_of(entry: Path) -> Path | None:
    try:
        name = orjson.loads(entry.with_suffix(".json").read_bytes())["folder"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return entry.parent / name if isinstance(name, str) and name.startswith(entry.name) else None


def _prune(folder: Path) -> None:
    """Keep the newest entries only, and no folder that no entry names."""
    entries = sorted(folder.glob("*.json"), key=_age, reverse=True)
    for old in entries[_MOST_ENTRIES:]:
        columns = _folder_of(old.with_suffix(""))
        old.unlink(missing_ok=True)
        if columns is not None:
            shutil.rmtree(columns, ignore_errors=True)
    named = {_folder_of(entry.with_suffix("")) for entry in entries[:_MOST_ENTRIES]}
    abandoned = time.time() - _ABANDONED_S
    for child in folder.iterdir():
        if child.is_dir() and child not in named and _age(child) < abandoned:
            shutil.rmtree(child, ignore_errors=True)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
