"""Whether the processes of a run live, as far as this host can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guardrun.events.clocks import booted
from guardrun.events.paths import RunPaths
from guardrun.provenance.host import boot_id, lease_liveness, read_lease
from guardrun.reading.slurm_queue import QUEUE
from guardrun.state.model import Facts, Liveness


def gather_facts(
    paths: RunPaths,
    attempt: int,
    processes: Iterable[Mapping[str, Any]],
    silent_s: float | None,
    job: str = "",
) -> Facts:
    """Read the leases of ``attempt``; never locks, never raises. ``job``: that a scheduler was asked for.

    ``processes`` are what events said about the training's process, believed where no lease tells: a
    command without our library takes none.
    """
    trainer = _liveness(paths, "trainer", attempt)
    if trainer == "absent":
        for facts in processes:
            trainer = lease_liveness(dict(facts))
            break
    queue = QUEUE.state_of(job) if job else ""
    return Facts(trainer, _liveness(paths, "supervisor", attempt), silent_s, boot_id(), booted(), queue)


def _liveness(paths: RunPaths, holder: str, attempt: int) -> Liveness:
    facts = read_lease(paths.lease(holder))
    if facts is None:
        return "absent"
    held = facts.get("attempt")
    if isinstance(held, int) and held < attempt:
        # An earlier launch's lease says nothing about this one.
        return "absent"
    return lease_liveness(facts)
