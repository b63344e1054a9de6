"""Find the training that runs on without a supervisor."""

from __future__ import annotations

import os

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.provenance.host import host_name, lease_liveness, read_lease
from guardrun.supervising.launching import FoundTraining
from guardrun.supervising.past import PastAttempts
from guardrun.supervising.process_tree import Identity, alive


def find_training(paths: RunPaths, attempt: int, past: PastAttempts) -> FoundTraining:
    """The process that a former supervisor started, or rank 0 by its lease.

    Raises UserError when none of them lives on this host.
    """
    if past.pid is not None and past.pid_start is not None and past.here:
        started = Identity(past.pid, past.pid_start)
        if alive(started):
            return FoundTraining(started, own_session=_leads_a_session(started.pid))
    lease = read_lease(paths.lease("trainer"))
    if lease is not None and lease.get("attempt") == attempt and lease_liveness(lease) == "alive":
        return FoundTraining(Identity(lease["pid"], lease["pid_start"]), own_session=False)
    where = lease.get("host") if lease else None
    if where not in (None, host_name()):
        raise UserError(
            f"{paths.root.name} was trained on {where}; only a supervisor there can watch its processes",
            hint=f"log in to {where} and say `guard run --attach` there",
        )
    raise UserError(
        f"no training of {paths.root.name} (attempt {attempt}) runs on this host",
        hint=f"`guard show {paths.root}` says how it ended; `guard run --resume {paths.root}` continues it",
    )


def _leads_a_session(pid: int) -> bool:
    """guard gives a training a session of its own; somebody's shell session must never be taken for it."""
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False
