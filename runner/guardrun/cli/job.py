"""``python -m guardrun.cli.job RUN_DIR``: what a Slurm job runs on its compute node.

The first time it supervises the attempt that was submitted. When Slurm starts the job again (after its time
limit's warning, a preemption, a node that failed) it takes the run up from its last checkpoint, as the next
attempt.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any, Final

from guardrun.cli.events_tail import SupervisorTail, supervisor_end
from guardrun.cli.in_job import BY_SCHEDULER, back_into_queue, goes_on
from guardrun.cli.launch import attempts_of, read_attempt, write_attempt
from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.provenance.secrets import VARIABLE, from_environment
from guardrun.provenance.slurm import NAME, Job, job_in, requeues, settings_of, warning_of

_SPARE_S: Final = 15.0
"""So long before its end a job goes back into the queue, whatever the training still does."""


def main() -> int:
    """Supervise the run's next attempt; what there is to complain about goes to the job's output."""
    try:
        if len(sys.argv) != 2:
            raise UserError("python -m guardrun.cli.job RUN_DIR", hint="`guard run` submits it")
        job = job_in(os.environ)
        if job is None:
            raise UserError("this is no Slurm job", hint="sbatch starts it; `guard run` asks sbatch")
        return _work(RunPaths(sys.argv[1]), job)
    except UserError as error:
        print(f"guard: {error}", file=sys.stderr)
        return error.exit_code


def _work(paths: RunPaths, job: Job) -> int:
    from guardrun.supervising.supervisor import run_supervisor

    number = _attempt_for(paths, job)
    if number is None:
        return 0
    _say(f"attempt {number} of {paths.root.name} in job {job.id} on {job.nodes}")
    launch = read_attempt(paths, number)
    deadline = JobEnd(paths, job, launch)
    code = run_supervisor(paths, number, takeover=job.restarts > 0, warned=deadline.near)
    return deadline.over(code)


def _attempt_for(paths: RunPaths, job: Job) -> int | None:
    """The attempt that is to be supervised, made where Slurm starts a job anew; None: the run is over."""
    numbers = attempts_of(paths)
    if not numbers:
        raise UserError(f"{paths.root} holds no attempt")
    tail = SupervisorTail(paths, numbers[-1])
    tail.poll()
    if not tail.told:
        return numbers[-1]
    if not goes_on(tail.end):
        _say(f"{paths.root.name} is over ({(tail.end or {}).get('reason')}); nothing is started")
        return None
    return next_attempt(paths, job)


def next_attempt(paths: RunPaths, job: Job) -> int:
    """Write the attempt that goes on from the last checkpoint, and return its number."""
    from guardrun.cli.resuming import plan_resume

    known = from_environment()
    number, loaded, launch, start = plan_resume(paths, secrets=known, anew=True)
    for remark in start.remarks:
        _say(remark)
    variables = write_attempt(
        paths, number, loaded, launch, resume_from=start.checkpoint, takeover=True, known=known,
        more={"scheduler": NAME},
    )  # fmt: skip
    if VARIABLE in variables:
        os.environ[VARIABLE] = variables[VARIABLE]
    return number


class JobEnd:
    """What happens when the job's time is nearly over: back into the queue, once the training is safe."""

    def __init__(self, paths: RunPaths, job: Job, launch: dict[str, Any]) -> None:
        self._paths = paths
        self._job = job
        self._attempt = int(launch["attempt"])
        self._wanted = requeues(settings_of(launch), submitted=bool(launch.get("scheduler")))
        self._seconds = warning_of(launch)
        self._warned = False

    def near(self) -> None:
        """The warning: from now on there is so much time. A training that takes longer is cut off, and goes
        on from its last checkpoint all the same."""
        self._warned = True
        if self._wanted:
            spare = max(self._seconds / 2, self._seconds - _SPARE_S)
            timer = threading.Timer(spare, back_into_queue, [self._job])
            timer.daemon = True
            timer.start()

    def over(self, code: int) -> int:
        """The attempt has ended: the job's exit code, if it comes to that."""
        from guardrun.supervising.slurm_jobs import was_requeued

        end = supervisor_end(self._paths, self._attempt)
        if end is None or end.get("reason") not in BY_SCHEDULER:
            return code
        if was_requeued(self._job):
            next_attempt(self._paths, self._job)
        elif self._warned and self._wanted:
            next_attempt(self._paths, self._job)
            back_into_queue(self._job)
        # Not 0: jobs that wait for this one's success must not begin.
        return 128 + (signal.SIGUSR1 if self._warned else signal.SIGTERM)


def _say(text: str) -> None:
    print(f"guard: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
