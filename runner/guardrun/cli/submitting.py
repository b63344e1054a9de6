"""``launcher: slurm``: the job is asked for, and the command returns; the run waits in the queue."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.provenance.slurm import NAME, job_in
from guardrun.reading.plain_text import plain


def scheduler_for(launcher: str, *, foreground: bool) -> dict[str, Any]:
    """``{"scheduler": "slurm"}``, for the attempt's file, where the run goes into Slurm's queue: it is
    wished, and we are not in a job already. Raises UserError for what no job can give.
    """
    if launcher != NAME:
        return {}
    job = job_in(os.environ)
    if job is not None:
        print(f"guard: in job {job.id} already: the training is started here", file=sys.stderr)
        return {}
    if foreground:
        raise UserError(
            "a job has no terminal for --foreground",
            hint="srun --pty guard run … in an allocation, or launcher=none",
        )
    return {"scheduler": NAME}


def refuse_to_submit(launcher: str) -> None:
    """For commands that train where they are started: on a login node that is not what was wished.

    Raises UserError for ``launcher: slurm`` outside of a job.
    """
    if launcher == NAME and job_in(os.environ) is None:
        raise UserError(
            "this command trains where it is started, and asks for no job (launcher: slurm)",
            hint="put it into a batch script, or say launcher=none to train here",
        )


def refuse_if_in_queue(paths: RunPaths) -> None:
    """Raise UserError where a job of the run waits or trains: a second one would train it twice."""
    from guardrun.reading.slurm_queue import GONE, QUEUE
    from guardrun.supervising.slurm_jobs import job_of

    job = job_of(paths)
    state = QUEUE.state_of(job) if job and job_in(os.environ) is None else GONE
    if state not in ("", GONE, "COMPLETING"):
        raise UserError(
            f"{paths.root.name} is in Slurm's queue already: job {job} is {state.lower()}",
            hint=f"it goes on by itself; guard stop {paths.root} ends it",
        )


def submit_run(
    paths: RunPaths, attempt: int, config: Mapping[str, Any], variables: Mapping[str, str], *, created: bool
) -> None:
    """Ask Slurm for the job and say where it is. Raises UserError; nothing of the attempt is left then."""
    from guardrun.supervising.slurm_jobs import submit

    try:
        job = submit(paths, attempt, config, variables)
    except BaseException:
        if created:
            shutil.rmtree(paths.root, ignore_errors=True)
        else:
            paths.attempt(attempt).unlink(missing_ok=True)
        raise
    folder = os.path.relpath(paths.root)
    where = f", partition {plain(job.partition)}" if job.partition else ""
    ways = f"Look: guard watch {folder}; stop: guard stop {folder}"
    print(paths.root)
    print(f"guard: job {job.id} is in Slurm's queue{where}. {ways}", file=sys.stderr)
