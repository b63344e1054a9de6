"""Whose run it is, and on which machine: what must be known before a stop is offered."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

from guardrun.state.model import RunState


def foreign_owner(path: Path) -> str:
    """The user to whom this run directory belongs when that is not us (root may do all); else ""."""
    try:
        uid = os.stat(path).st_uid
    except OSError:
        return ""
    if os.geteuid() in (uid, 0):
        return ""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (KeyError, ImportError):
        return f"user {uid}"


def runs_elsewhere(state: RunState) -> bool:
    """Whether the training was started on another host than ours."""
    return bool(state.host) and state.host != _our_host()


@cache
def _our_host() -> str:
    return socket.gethostname()
