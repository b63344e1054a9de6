"""Refuse a run that somebody else still holds, and say who and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import open_inside
from guardrun.provenance.host import lease_liveness, read_lease

_WORDS: Final = {"trainer": "trained", "supervisor": "supervised"}


def refuse_if_held(
    paths: RunPaths, takeover: bool, *, holders: Iterable[str] = ("trainer", "supervisor")
) -> None:
    """Raise UserError while a holder of this run lives, or may live on another host.

    ``takeover`` passes over a holder that can't be asked (another host); never over a process that lives
    here, whose end this host could see: two trainers in one run directory destroy it.
    """
    for holder in holders:
        facts = read_lease(paths.lease(holder))
        state = "alive" if _locked(paths, holder) else lease_liveness(facts)
        if state == "alive":
            raise _refusal(paths, holder, facts or {}, "is still being")
        if state == "unknown" and not takeover:
            raise _refusal(paths, holder, facts or {}, "may still be")


def _locked(paths: RunPaths, holder: str) -> bool:
    """Whether another process holds the lock right now; the try is let go at once."""
    try:
        import fcntl
    except ImportError:  # not POSIX: the facts in the file decide
        return False
    try:
        fd = open_inside(paths.lease(holder))
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def _refusal(paths: RunPaths, holder: str, facts: dict[str, Any], how: str) -> UserError:
    pid, host, attempt = facts.get("pid", "?"), facts.get("host", "?"), facts.get("attempt", "?")
    run = paths.root.name
    message = f"{run} {how} {_WORDS.get(holder, 'held')} by pid {pid} on {host} (attempt {attempt})"
    if how.startswith("is"):
        hint = f"look at it with `guard watch {paths.root}`, or end it with `guard stop {paths.root}`"
    else:
        hint = (
            f"look on {host} whether pid {pid} is still there; if it is surely gone, say --takeover\n"
            f"(two trainings in one run directory destroy each other's checkpoints)"
        )
    return UserError(message, hint=hint)
