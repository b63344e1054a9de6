"""Slurm as a run sees it: the job that this process is in, and the words that ask for one. Pure.

Sources: the variables and options of sbatch(1), Slurm 22.05 and later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

NAME: Final = "slurm"
JOB_FILE: Final = "slurm.json"
"""In the run directory: which job was asked for, written by who asked."""
OUTPUT: Final = "slurm.out"
"""In the run directory: what the job itself prints; the training's output is in console.log."""
DEFAULT_WARNING_S: Final = 120.0
_OPTIONS: Final = ("partition", "account", "qos", "gres", "cpus_per_task", "mem")
"""Keys of the section ``slurm`` that are options of sbatch by the same name."""
_DAYS: Final = re.compile(r"(?:(?P<d>\d+)-(?P<h>\d+)(?::(?P<m>\d+)(?::(?P<s>\d+))?)?|"
                          r"(?P<H>\d+):(?P<M>\d+):(?P<S>\d+))")  # fmt: skip
_UNFIT: Final = re.compile(r"[^\w.-]+")


class Job(NamedTuple):
    """One job of Slurm, as its processes are told."""

    id: str
    partition: str = ""
    nodes: str = ""
    """As Slurm lists them: ``node[1-3]``."""
    node_count: int = 1
    restarts: int = 0
    """How often it was requeued."""

    def as_json(self) -> dict[str, Any]:
        """For an attempt's file and for run_start."""
        return {
            "job_id": self.id, "partition": self.partition, "nodes": self.nodes, "restarts": self.restarts,
        }  # fmt: skip


def job_in(environ: Mapping[str, str]) -> Job | None:
    """The job that a process with this environment belongs to; None outside of any."""
    number = environ.get("SLURM_JOB_ID", "")
    if not is_whole(number):
        return None
    nodes, restarts = environ.get("SLURM_JOB_NUM_NODES", ""), environ.get("SLURM_RESTART_COUNT", "")
    return Job(
        number, environ.get("SLURM_JOB_PARTITION", ""), environ.get("SLURM_JOB_NODELIST", ""),
        int(nodes) if is_whole(nodes) else 1, int(restarts) if is_whole(restarts) else 0,
    )  # fmt: skip


def is_whole(text: str) -> bool:
    """Whether this is a number as Slurm counts jobs, nodes and restarts."""
    return text.isascii() and text.isdigit()


def requeues(settings: Mapping[str, Any], *, submitted: bool) -> bool:
    """Whether a job goes back into the queue after the scheduler's warning. ``submitted``: guard asked for
    the job, which then does so unless it is told not to; a person's own job does so only where it is told.
    """
    told = settings.get("requeue")
    return submitted if told is None else told is True


def settings_of(launch: Mapping[str, Any]) -> Mapping[str, Any]:
    """The section ``slurm`` of an attempt's configuration; empty where there is none."""
    config = launch.get("config")
    settings = config.get(NAME) if isinstance(config, Mapping) else None
    return settings if isinstance(settings, Mapping) else {}


def warning_of(launch: Mapping[str, Any]) -> float:
    """Seconds before the job's end at which an attempt's configuration wants to be warned."""
    seconds = settings_of(launch).get("warning")
    return float(seconds) if isinstance(seconds, int | float) and 0 < seconds < 1e9 else DEFAULT_WARNING_S


def sbatch_words(config: Mapping[str, Any], folder: str, script: Sequence[str]) -> list[str]:
    """``sbatch …`` for a run in ``folder``; ``script`` is the file and its arguments.

    What the user wrote under ``slurm.extra`` comes last, so that it wins.
    """
    settings: Mapping[str, Any] = config.get(NAME) or {}
    name = _UNFIT.sub("-", str(config.get("name") or "run"))
    words = ["sbatch", "--parsable", f"--job-name=guard-{name}", f"--chdir={folder}", f"--output={OUTPUT}"]
    words += ["--open-mode=append", "--export=ALL", f"--nodes={config.get('nnodes') or 1}"]
    words += ["--ntasks-per-node=1", f"--signal=B:USR1@{math.ceil(settings.get('warning') or 0)}"]
    words.append("--requeue" if requeues(settings, submitted=True) else "--no-requeue")
    for key in _OPTIONS:
        if settings.get(key) is not None:
            words.append(f"--{key.replace('_', '-')}={settings[key]}")
    if settings.get("gpus") is not None:
        words.append(f"--gpus-per-node={settings['gpus']}")
    if settings.get("time") is not None:
        words.append(f"--time={slurm_time(float(settings['time']))}")
    return [*words, *map(str, settings.get("extra") or ()), *script]


def slurm_time(seconds: float) -> str:
    """As Slurm writes it, in whole minutes, which is all that it knows: ``1-02:30:00``.

    >>> slurm_time(90), slurm_time(95400)
    ('0-00:02:00', '1-02:30:00')
    """
    minutes = max(1, math.ceil(seconds / 60))
    return f"{minutes // 1440}-{minutes // 60 % 24:02d}:{minutes % 60:02d}:00"


def seconds_of(text: str) -> float | None:
    """Seconds of a time in Slurm's own spelling with colons or days; None for anything else.

    >>> seconds_of("1-12:00:00"), seconds_of("02:30:00"), seconds_of("2h")
    (129600.0, 9000.0, None)
    """
    match = _DAYS.fullmatch(text.strip())
    if match is None:
        return None
    d, h, m, s, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return d * 86400 + (h + hours) * 3600 + (m + minutes) * 60 + s + seconds
