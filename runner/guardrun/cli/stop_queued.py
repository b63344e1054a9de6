"""``guard stop`` of a run whose job still waits: the job is taken out of the queue, and the end recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.events.schema import RUN_END
from guardrun.provenance.host import Lease, LeaseHeld
from guardrun.reading.slurm_queue import GONE, QUEUE
from guardrun.state.model import RunState
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.slurm_jobs import cancel_waiting, job_of

_PATIENCE_S: Final = 20.0
_TURN_S: Final = 0.2


def take_out_of_queue(paths: RunPaths, state: RunState, tell: Callable[..., None]) -> bool:
    """Whether the run is over by that; False: its job began in this moment, and is to be stopped.

    Raises UserError where Slurm refuses or does not answer.
    """
    job = job_of(paths)
    if not job:
        raise UserError(
            f"{state.run_id} waits in a queue, but its job is not known",
            hint="squeue --me lists your jobs; scancel JOB takes one out",
        )
    tell(f"taking job {job} out of Slurm's queue")
    cancel_waiting(job)
    if not _left(job):
        return False
    lease = Lease(paths.lease("supervisor"))
    try:
        lease.take(state.attempt)
    except LeaseHeld:
        return False
    except OSError as error:
        raise UserError(f"cannot write {lease.path}: {error.strerror or error}") from error
    try:
        _record_end(paths, state)
    finally:
        lease.release()
    return True


def _left(job: str) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        QUEUE.forget()
        now = QUEUE.state_of(job)
        if now == GONE:
            return True
        if now in ("RUNNING", "CONFIGURING"):
            return False
        time.sleep(_TURN_S)
    raise UserError(f"job {job} is still in the queue", hint=f"scancel {job}", exit_code=1)


def _record_end(paths: RunPaths, state: RunState) -> None:
    """In the supervisor's place: nobody supervises what never began."""
    log = EventLog(paths.supervisor, writer="supervisor", run_id=paths.root.name, attempt=state.attempt)
    log.write(
        RUN_END, status="stopped", reason="stop:cli", exit_code=None, guard_exit=0, step=state.step,
        attempt=state.attempt,
    )  # fmt: skip
    log.sync()
    log.close()
