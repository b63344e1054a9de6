"""``best.json`` and ``last.json``: each names a checkpoint folder and its meta's hash, by one rename."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, NamedTuple

from guardrun.events.atomic import write_atomic
from guardrun.events.untrusted import read_bounded
from guardrun.recording.checkpoints.layout import Damage, is_file_name

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths

ROLES = ("best", "last")


class Pointer(NamedTuple):
    """What a pointer says. ``metric`` is the monitored metric there, None where it was not finite."""

    folder: str
    meta_sha256: str
    step: int
    metric: float | None


def read_pointer(paths: RunPaths, role: str) -> Pointer | Damage | None:
    """The pointer of a role; None when there is none, Damage when it can't be understood."""
    file = paths.pointer(role)
    try:
        body = json.loads(read_bounded(file, 64 * 1024))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Damage(file.name, f"cannot be read: {error.strerror or error}")
    except (ValueError, RecursionError):
        return Damage(file.name, "is not JSON")
    if (
        type(body) is not dict
        or not is_file_name(body.get("folder"))
        or type(body.get("meta_sha256")) is not str
    ):
        return Damage(file.name, "does not name a folder and a hash")
    metric, step = body.get("metric"), body.get("step")
    return Pointer(
        body["folder"],
        body["meta_sha256"],
        step if type(step) is int else 0,
        _real(metric),
    )


def _real(metric: object) -> float | None:
    try:
        return float(metric) if isinstance(metric, int | float) else None
    except OverflowError:  # JSON knows whole numbers of any size
        return None


def write_pointer(paths: RunPaths, role: str, pointer: Pointer) -> None:
    """Move a role to another folder, durably, by one rename; then the link for people. Raises OSError."""
    write_atomic(paths.pointer(role), json.dumps(pointer._asdict()).encode() + b"\n")
    link = paths.checkpoints / role
    aside = paths.checkpoints / f".{role}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    try:
        os.symlink(pointer.folder, aside)
        os.replace(aside, link)
    except OSError:  # a file system without links, or a folder of that name: the pointer is what counts
        try:
            os.unlink(aside)
        except OSError:
            pass
