"""Files that somebody else may have put there: regular ones only, bounded, never waited for, never a link.

A pipe in a file's place would keep a reader waiting for ever, a device has no end, a link leads out of the
run directory, and a gigabyte is no identity. Every small file of a run is read through here; the type is
asked of the opened file, so that nothing can be exchanged in between.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 8 * 1024 * 1024
"""Of a small file: run.json, attempts/<n>.json, a pointer, a record."""
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: Path | str, *, follow: bool = False) -> int:
    """A descriptor of a regular file, to read. Raises OSError, also for a link, a pipe, a device, a folder.

    ``follow``: a link is followed; for paths that the user gave, not a run.
    """
    return _regular(path, None, follow)


def open_inside(path: Path | str) -> int:
    """The same for a file of a folder that must not be a link either: ``control/`` and ``leases/``."""
    folder, name = os.path.split(path)
    at = _open_folder(folder)
    try:
        return _regular(name, at, False)
    finally:
        if at is not None:
            os.close(at)


def names_inside(folder: Path | str, *, regular: bool = False) -> list[str]:
    """What lies in such a folder, in no order; ``regular``: regular files alone, and no link.

    Raises OSError, also for a link.
    """
    at = _open_folder(folder)
    try:
        with os.scandir(folder if at is None else at) as entries:
            return [each.name for each in entries if not regular or each.is_file(follow_symlinks=False)]
    finally:
        if at is not None:
            os.close(at)


def _open_folder(path: Path | str) -> int | None:
    """None where a system knows no descriptors of folders."""
    if os.scandir not in os.supports_fd or os.open not in os.supports_dir_fd:
        return None
    return os.open(path or os.curdir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _NO_LINK)


def _regular(path: Path | str, at: int | None, follow: bool) -> int:
    try:
        fd = os.open(path, _FLAGS if follow else _FLAGS | _NO_LINK, dir_fd=at)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(errno.ELOOP, "is a link, which is not followed", str(path)) from None
        raise
    except ValueError:  # a NUL, half a surrogate pair
        raise OSError(errno.EINVAL, "has a name that no file can have") from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_bounded(path: Path | str, limit: int = MOST_BYTES) -> bytes:
    """The whole content of a small regular file. Raises OSError, also beyond ``limit`` bytes."""
    with open(open_regular(path), "rb", buffering=0) as file:
        data = _up_to(file.fileno(), limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit} bytes", str(path))
    return data


def read_head(path: Path | str, limit: int) -> bytes:
    """The first ``limit`` bytes of a regular file, or all there are. Raises OSError."""
    with open(open_regular(path), "rb", buffering=0) as file:
        return _up_to(file.fileno(), limit)


def read_tail(path: Path | str, limit: int) -> bytes:
    """The last ``limit`` bytes of a regular file, or all there are. Raises OSError."""
    with open(open_regular(path), "rb", buffering=0) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
        return _up_to(file.fileno(), limit)


def read_object(path: Path | str, limit: int = MOST_BYTES) -> dict[str, Any]:
    """A JSON object from a small file. Raises OSError, or ValueError for what is no JSON object."""
    try:
        found = json.loads(read_bounded(path, limit))
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if type(found) is not dict:
        raise ValueError("is not a JSON object")
    return found


def _up_to(fd: int, most: int) -> bytes:
    pieces: list[bytes] = []
    while most > 0:
        piece = os.read(fd, min(most, 1024 * 1024))
        if not piece:
            break
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)
