"""The checkpoint folders of a run: their names, their metadata, their hashes. No torch here."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrun.events.atomic import write_atomic
from guardrun.events.encode import encode
from guardrun.events.untrusted import open_regular, read_bounded

if TYPE_CHECKING:
    from io import FileIO

    from guardrun.events.paths import RunPaths

META = "meta.json"
SCHEMA = 1
_FOLDER = re.compile(r"step-(\d+)-a(\d+)(-solo)?(?:-(\d+))?")
_BLOCK = 1024 * 1024
_MAX_META = 16 * 1024 * 1024


class FolderName(NamedTuple):
    """A folder's name in parts, in the order of age: ``step-<step>-a<attempt>[-solo][-<turn>]``.

    ``turn`` counts saves at one step that differ (before and after the end of an epoch, say), from 1.
    ``solo``: rank 0 of several saved alone; such saves count by themselves, as other ranks know nothing of
    them.
    """

    attempt: int
    step: int
    solo: bool = False
    turn: int = 1

    def __str__(self) -> str:
        solo = "-solo" if self.solo else ""
        return f"step-{self.step}-a{self.attempt}{solo}" + (f"-{self.turn}" if self.turn > 1 else "")


class Meta(NamedTuple):
    """A checkpoint's metadata, and the SHA-256 of the file it was read from."""

    body: dict[str, Any]
    sha256: str


class Damage(NamedTuple):
    """What is wrong with a checkpoint: the file, what was expected and what was found."""

    file: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file} {self.problem}"


class Turns:
    """Numbers the distinct places of saves at one step, from 1: alike on every rank that saves there."""

    def __init__(self) -> None:
        self._step = -1
        self._places: list[tuple[Any, ...]] = []

    def of(self, step: int, place: tuple[Any, ...], claimed: bool) -> tuple[int, bool]:
        """The place's number, and whether it had been numbered before.

        ``claimed``: the save carries a metric that claims to be best, so one without will not do for it.
        """
        if step != self._step:
            self._step, self._places = step, []
        for one in ((*place, True),) if claimed else ((*place, True), (*place, False)):
            if one in self._places:
                return self._places.index(one) + 1, True
        self._places.append((*place, claimed))
        return len(self._places), False


def parse_folder(name: str) -> FolderName | None:
    """The parts of a checkpoint folder's name, or None when it is not one."""
    match = _FOLDER.fullmatch(name)
    return FolderName(int(match[2]), int(match[1]), bool(match[3]), int(match[4] or 1)) if match else None


def folders(paths: RunPaths) -> list[FolderName]:
    """All checkpoint folders, complete or not, oldest first."""
    try:
        names = [entry.name for entry in os.scandir(paths.checkpoints) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(filter(None, map(parse_folder, names)))


def complete_folders(paths: RunPaths) -> list[FolderName]:
    """The folders with a meta.json, oldest first: only these are checkpoints."""
    return [name for name in folders(paths) if (paths.checkpoints / str(name) / META).is_file()]


def relative(folder: Path) -> str:
    """A checkpoint folder as events name it: ``checkpoints/step-120-a1``."""
    return f"{folder.parent.name}/{folder.name}"


def is_file_name(name: object) -> bool:
    """Whether a name from a file stays inside its folder."""
    if type(name) is not str or name in ("", ".", "..") or "/" in name or "\0" in name:
        return False
    try:
        return bool(os.fsencode(name))
    except UnicodeEncodeError:  # half a surrogate pair, which JSON allows
        return False


def named_folder(paths: RunPaths, told: str) -> Path | None:
    """The checkpoint folder that an event names (``checkpoints/step-120-a1``); None for any other path."""
    name = told.removeprefix(f"{paths.checkpoints.name}/")
    folder = paths.checkpoints / name if is_file_name(name) else None
    return folder if folder is not None and is_folder(folder) else None


def is_folder(path: Path) -> bool:
    """Whether it is a folder itself, no link to one."""
    # os.path answers False for a name that no file system could have, where pathlib raises.
    return os.path.isdir(path) and not os.path.islink(path)


def write_meta(folder: Path, meta: dict[str, Any]) -> str:
    """Rename meta.json into its place, synced: from here on the checkpoint exists. The file's SHA-256."""
    body = json.dumps(json.loads(encode(meta)), indent=1).encode() + b"\n"
    write_atomic(folder / META, body)
    return hashlib.sha256(body).hexdigest()


def read_meta(folder: Path) -> Meta | Damage:
    """A folder's metadata, or what is wrong with it."""
    name = f"{folder.name}/{META}"
    try:
        if os.path.islink(folder):
            return Damage(folder.name, "is a link, which is not followed")
        body = read_bounded(folder / META, _MAX_META)
    except FileNotFoundError:
        return Damage(name, "is missing" if folder.is_dir() else "is missing with its whole folder")
    except OSError as error:
        return Damage(name, f"cannot be read: {error.strerror or error}")
    try:
        meta = json.loads(body)
    except (ValueError, RecursionError):
        return Damage(name, "is not JSON")
    problem = _meta_problem(meta)
    if problem:
        return Damage(name, problem)
    return Meta(meta, hashlib.sha256(body).hexdigest())


def _meta_problem(meta: Any) -> str:
    if type(meta) is not dict:
        return "is not a JSON object"
    if type(meta.get("schema")) is not int or meta["schema"] > SCHEMA:
        return f"has the schema {meta.get('schema')!r}; this guard knows {SCHEMA}"
    files = meta.get("files")
    if type(files) is not list or not files:
        return "names no files"
    for one in files:
        if type(one) is not dict or type(one.get("sha256")) is not str or type(one.get("bytes")) is not int:
            return "has a file entry without hash or size"
        if type(one.get("external")) is not bool:
            return "does not say of a file whether it is the training's own"
        path = one.get("path")
        good = type(path) is str and os.path.isabs(path) if one.get("external") else is_file_name(path)
        if not good:
            return f"names the file {path!r}, which is no file of this folder"
    return "" if type(meta.get("step")) is int else "has no step"


def file_path(folder: Path, entry: dict[str, Any]) -> Path:
    """Where a file of ``meta["files"]`` lies: inside the folder, or anywhere when it is external."""
    return Path(entry["path"]) if entry.get("external") else folder / entry["path"]


def file_damage(folder: Path, entry: dict[str, Any], *, hashed: bool = True) -> Damage | None:
    """Compare one file with its size and hash in the metadata; reads it once, in blocks.

    Without ``hashed`` its size only, and nothing is read.
    """
    name = entry["path"] if entry.get("external") else f"{folder.name}/{entry['path']}"
    try:
        fd = open_regular(file_path(folder, entry), follow=bool(entry.get("external")))
        with open(fd, "rb", buffering=0) as file:
            # A name that leads to something else, and huge, costs no reading.
            size = os.fstat(fd).st_size
            found, size = _digest(file) if hashed and size == entry["bytes"] else ("", size)
    except FileNotFoundError:
        return Damage(name, "is missing")
    except OSError as error:
        return Damage(name, f"cannot be read: {error.strerror or error}")
    if size != entry["bytes"]:
        return Damage(name, f"has {size} bytes, expected {entry['bytes']}")
    if hashed and found != entry["sha256"]:
        return Damage(name, f"has the SHA-256 {found}, expected {entry['sha256']}")
    return None


def hash_file(path: Path, *, sync: bool = False) -> tuple[str, int]:
    """SHA-256 and size of a regular file, in blocks of 1 MiB; ``sync`` makes it durable first.

    Raises OSError, also for a folder, a device or a pipe.
    """
    fd = open_regular(path, follow=True)
    with open(fd, "rb", buffering=0) as file:
        if sync:
            os.fsync(fd)
        return _digest(file)


def _digest(file: FileIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
