"""Slurm's own commands: ask for a job, take it out of the queue, put it back.

A run is handed to the compute node as a folder: the batch script is one line that starts guard on the run
directory, which holds the configuration as JSON. Nothing is pickled, so nothing is unpickled there.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from guardrun.errors import UserError
from guardrun.events.atomic import write_atomic
from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import read_object
from guardrun.provenance.slurm import JOB_FILE, Job, is_whole, sbatch_words

SCRIPT: Final = "slurm.sh"
_PATIENCE_S: Final = 60.0
_NO_SLURM: Final = "say it on a host of the cluster (a login node), with Slurm's programs on PATH"
_OR_HERE: Final = "; to train here: guard run CONFIG.yaml launcher=none"


class Submitted(NamedTuple):
    """A job that waits in the queue."""

    id: str
    partition: str


def submit(
    paths: RunPaths, attempt: int, config: Mapping[str, Any], variables: Mapping[str, str]
) -> Submitted:
    """Ask Slurm for the job of this attempt. ``variables``: more for its environment.

    Raises UserError with Slurm's own words where it refuses, and without sbatch.
    """
    root = paths.root.resolve()
    script = root / SCRIPT
    line = shlex.join([sys.executable, "-m", "guardrun.cli.job", str(root)])
    write_atomic(script, f"#!/bin/sh\n# Attempt {attempt} and those after it.\nexec {line}\n".encode())
    words = sbatch_words(config, str(root), [str(script)])
    # A run that is started from inside another run's training must not be taken for a part of it.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GUARDRUN_")}
    told = _slurm(words, {**environment, **variables}).strip().splitlines()
    number, _, cluster = (told[-1] if told else "").partition(";")
    if not number.isdigit():
        raise UserError(f"sbatch named no job: {' '.join(told)[:200] or 'it said nothing'}", exit_code=1)
    partition = str((config.get("slurm") or {}).get("partition") or "")
    facts = {
        "job_id": number, "cluster": cluster, "partition": partition, "attempt": attempt,
        "submitted": time.time(), "command": words,
    }  # fmt: skip
    write_atomic(paths.root / JOB_FILE, json.dumps(facts, indent=1).encode() + b"\n")
    return Submitted(number, partition)


def job_of(paths: RunPaths) -> str:
    """The id of the job that was asked for; "" where none was."""
    try:
        number = str(read_object(paths.root / JOB_FILE).get("job_id"))
    except (OSError, ValueError):
        return ""
    return number if is_whole(number) else ""


def cancel_waiting(job: str) -> None:
    """Take the job out of the queue if it waits there; one that runs is left alone. Raises UserError."""
    _slurm(["scancel", "--state=PENDING", job], os.environ)


def requeue(job: str) -> None:
    """Put the job back into the queue; its processes are ended. Raises UserError."""
    _slurm(["scontrol", "requeue", job], os.environ)


def was_requeued(job: Job) -> bool:
    """Whether Slurm has counted another restart since the job's processes were started. Never raises."""
    try:
        shown = _slurm(["scontrol", "--oneliner", "show", "job", job.id], os.environ)
    except UserError:
        return False
    told = dict(word.split("=", 1) for word in shown.split() if "=" in word)
    count = told.get("Restarts", "")
    return count.isdigit() and int(count) > job.restarts


def first_host(nodes: str) -> str:
    """The first of the hosts that Slurm lists as ``node[1-3]``. Raises UserError."""
    names = _slurm(["scontrol", "show", "hostnames", nodes], os.environ).split()
    if not names:
        raise UserError(f"Slurm names no host of {nodes!r}", exit_code=1)
    return names[0]


def _slurm(words: list[str], environment: Mapping[str, str]) -> str:
    """What the command prints. Raises UserError: it is missing, refuses, or does not answer."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S, check=False,
            stdin=subprocess.DEVNULL, env=dict(environment),
        )  # fmt: skip
    except FileNotFoundError:
        hint = _NO_SLURM + (_OR_HERE if words[0] == "sbatch" else "")
        raise UserError(f"`{words[0]}` is not on this host: Slurm is not there", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise UserError(f"`{words[0]}` has not answered for {_PATIENCE_S:g} s", exit_code=1) from None
    except OSError as error:
        raise UserError(f"cannot start `{words[0]}`: {error.strerror or error}", exit_code=1) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise UserError(
            f"`{words[0]}` refused: {said}", hint=f"the command was: {shlex.join(words)}", exit_code=1
        )
    return done.stdout
