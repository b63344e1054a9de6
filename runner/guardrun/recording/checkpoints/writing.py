"""Write one rank's part of a checkpoint: hashed while it is written, synced, renamed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrun.events.atomic import sync_folder, write_atomic
from guardrun.events.untrusted import read_object
from guardrun.recording.checkpoints.housekeeping import folder_bytes
from guardrun.recording.checkpoints.layout import hash_file
from guardrun.recording.checkpoints.load import load_part

if TYPE_CHECKING:
    from pathlib import Path


class CheckpointFailed(Exception):
    """No new checkpoint exists, for a reason outside the training; the previous one stands."""


class Part(NamedTuple):
    """One file of a checkpoint as it was written."""

    path: str
    sha256: str
    bytes: int

    def entry(self) -> dict[str, Any]:
        return {"path": self.path, "sha256": self.sha256, "bytes": self.bytes, "external": False}


class _HashingFile:
    """A file that torch.save writes to: each block goes to the descriptor and into the hash.

    A failed write is remembered and raised by ``finish``, never in the middle: torch's zip writer finalises
    in a destructor and can end the process when a write raises there.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._digest = hashlib.sha256()
        self._size = 0
        self._error: OSError | None = None

    def write(self, block: Any) -> int:
        view = memoryview(block).cast("B")
        length = len(view)
        if self._error is None:
            self._digest.update(view)
            self._size += length
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError as error:
                self._error = error
        return length

    def flush(self) -> None:
        """Nothing is buffered here."""

    def finish(self) -> tuple[str, int]:
        """Make the file durable; its SHA-256 and size. Raises the first OSError that a write met."""
        if self._error is not None:
            raise self._error
        os.fsync(self._fd)
        return self._digest.hexdigest(), self._size


def write_part(folder: Path, name: str, payload: Any) -> Part:
    """torch.save ``payload`` as ``folder/name``, and read it again from the disk before it gets that name.

    So whatever a newer checkpoint makes superfluous goes only once the newer one is known to be there.
    Raises OSError, and CheckpointFailed where other bytes come back; nothing of that name changes then.
    """
    import torch

    aside = folder / f".{name}.{os.getpid()}.tmp"
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        try:
            file = _HashingFile(fd)
            torch.save(payload, file)
            sha256, size = file.finish()
        finally:
            os.close(fd)
        _compare(aside, sha256, size)
        os.replace(aside, folder / name)
    except BaseException:
        try:
            os.unlink(aside)
        except OSError:
            pass
        raise
    sync_folder(folder)
    return Part(name, sha256, size)


def _compare(file: Path, sha256: str, size: int) -> None:
    """Read what was written, from the disk where the system can be asked to forget its copy in memory."""
    forget = getattr(os, "posix_fadvise", None)
    if forget is not None:
        fd = os.open(file, os.O_RDONLY)
        try:
            forget(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError:
            pass  # a file system without it
        finally:
            os.close(fd)
    if hash_file(file) != (sha256, size):
        raise CheckpointFailed("the disk does not give back what was written to it")


def announce_part(folder: Path, rank: int, save: int, part: Part | None, problem: str = "") -> None:
    """``rank<k>.json``: rank k's part of save number ``save`` is on disk, or will never be."""
    body = {"save": save, "problem": problem, **(part.entry() if part else {})}
    write_atomic(folder / f"rank{rank}.json", json.dumps(body).encode() + b"\n")


def announced_part(folder: Path, rank: int, save: int) -> Part | None:
    """Rank k's part of save number ``save`` once it is announced. Raises CheckpointFailed if it failed."""
    try:
        body = read_object(folder / f"rank{rank}.json")
    except (OSError, ValueError):
        return None
    if body.get("save") != save:
        return None
    if body["problem"]:
        raise CheckpointFailed(f"rank {rank} could not write its part: {body['problem']}")
    return Part(body["path"], body["sha256"], body["bytes"])


def gather_parts(folder: Path, world_size: int, save: int, wait: float) -> list[Part]:
    """The parts of ranks 1 ... of save number ``save``, as soon as all are there.

    Raises CheckpointFailed when one failed, or when ``wait`` seconds pass without a byte from any.
    """
    missing = set(range(1, world_size))
    parts: dict[int, Part] = {}
    size, deadline, pause = -1, time.monotonic() + wait, 0.002
    while True:
        for rank in sorted(missing):
            part = announced_part(folder, rank, save)
            if part is not None:
                parts[rank] = part
        missing -= parts.keys()
        if not missing:
            return [parts[rank] for rank in sorted(parts)]
        grown = folder_bytes(folder)
        if grown != size:
            size, deadline = grown, time.monotonic() + wait
        if time.monotonic() > deadline:
            ranks = ", ".join(map(str, sorted(missing)))
            raise CheckpointFailed(f"no part from rank {ranks} within {wait:g} s")
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)


def written_part(folder: Path, rank: int) -> Part | None:
    """Rank k's part that an earlier save announced here, when it is still as announced in size."""
    try:
        body = read_object(folder / f"rank{rank}.json")
        if body["problem"] or (folder / body["path"]).stat().st_size != body["bytes"]:
            return None
        return Part(body["path"], body["sha256"], body["bytes"])
    except (OSError, ValueError, KeyError):
        return None


def read_back(folder: Path, part: Part) -> None:
    """Load a part as a resume would. Raises CheckpointFailed when it can't be."""
    try:
        load_part(folder / part.path)
    except Exception as error:
        raise CheckpointFailed(
            f"{part.path} can't be read back: {' '.join(str(error).split())[:400]}"
        ) from error
