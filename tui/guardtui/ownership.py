"""Whose run it is, and on which machine: what must be known before a stop is offered."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

from guardrun.events.access import Senders
from guardrun.events.paths import RunPaths
from guardrun.events.remarks import user_name
from guardrun.state.model import RunState


def foreign_owner(path: Path) -> str:
    """The user to whom this run belongs, where it obeys neither us nor a group of ours; else ""."""
    try:
        uid = os.stat(path).st_uid
    except OSError:
        return ""
    ours = os.geteuid() in (uid, 0) or Senders(RunPaths(path), uid).obeys(os.geteuid())
    return "" if ours else user_name(uid)


def unwritable(path: Path) -> str:
    """Why no request can be left in this run directory; "" when one can, by a shared file system too."""
    control = RunPaths(path).control
    folder = control if control.is_dir() else path
    try:
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return "is on a read-only file system"
        if os.access(folder, os.W_OK | os.X_OK) or not path.is_dir():
            return ""
    except OSError:
        return ""
    return "cannot be written by this user"


def runs_elsewhere(state: RunState) -> bool:
    """Whether the training was started on another host than ours."""
    return bool(state.host) and state.host != _our_host()


@cache
def _our_host() -> str:
    return socket.gethostname()
