"""Runs within a job of Slurm that may be started again: the one that was begun here before."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guardrun.cli.events_tail import supervisor_end
from guardrun.cli.launch import attempts_of
from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import read_object
from guardrun.provenance.slurm import Job, job_in, requeues, settings_of
from guardrun.reading.discovery import find_runs

if TYPE_CHECKING:
    from guardrun.provenance.config import Loaded

_ENDED_S: Final = 60.0
"""How long a requeued job waits for Slurm to end its processes."""
BY_SCHEDULER: Final = frozenset(("stop:scheduler", "stop:sigterm"))
"""Ends that the training did not come to by itself, and nobody wished for."""


def goes_on(end: dict[str, Any] | None) -> bool:
    """Whether a run whose attempt ended so is taken up when its job starts again: it was cut short."""
    return end is None or end.get("status") in ("failed", "killed") or end.get("reason") in BY_SCHEDULER


def requeue_own_job(launch: Mapping[str, Any], end: Mapping[str, Any]) -> None:
    """After the scheduler's warning, where the configuration wishes it: the job that a person submitted goes
    back into the queue, which ends it.
    """
    job = job_in(os.environ)
    wished = requeues(settings_of(launch), submitted=False)
    if job is None or end.get("reason") not in BY_SCHEDULER or not wished:
        return
    back_into_queue(job)


def back_into_queue(job: Job) -> None:
    """Requeue the job, and wait for its processes to be ended by that; returns where Slurm refuses."""
    from guardrun.supervising.slurm_jobs import requeue

    print(f"guard: job {job.id} goes back into the queue", file=sys.stderr, flush=True)
    try:
        requeue(job.id)
    except UserError as error:
        print(f"guard: {error}", file=sys.stderr, flush=True)
    else:
        time.sleep(_ENDED_S)


def end_of(paths: RunPaths) -> dict[str, Any] | None:
    """How the newest attempt ended, as its supervisor told; None: without a word, or never begun."""
    return supervisor_end(paths, max(attempts_of(paths), default=1))


def run_of_this_job(runs_dir: Path, loaded: Loaded) -> RunPaths | None:
    """In a job that was requeued: the run that the same command began before; None elsewhere.

    It is known by the job's number and by what was written for it, so that a script with several
    trainings goes on with each.
    """
    job = job_in(os.environ)
    if job is None or not job.restarts:
        return None
    found = [RunPaths(run) for run in find_runs([runs_dir])]
    mine = [paths for paths in found if _began_here(paths, job.id, loaded)]
    return max(mine, key=lambda paths: paths.root.name, default=None)


def _began_here(paths: RunPaths, job: str, loaded: Loaded) -> bool:
    try:
        first = read_object(paths.attempt(1))
    except (OSError, ValueError):
        return False
    told = first.get("slurm")
    source = str(loaded.source) if loaded.source else None
    return (
        isinstance(told, dict) and told.get("job_id") == job and first.get("config_source") == source
        and first.get("overrides") == loaded.overrides
        and (source is not None or first.get("config_raw") == loaded.raw)
    )  # fmt: skip
