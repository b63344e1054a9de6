"""The state of a run as plain frozen data: what `ls`, `show` and the dashboard print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from guardrun.events.schema import Event


class Status(StrEnum):
    """What became of a run. Derived from events and facts, never stored."""

    QUEUED = "queued"
    """A scheduler has its job, and has not started it (again) yet."""
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    """Ended by itself, by patience or by budget."""
    STOPPED = "stopped"
    """Asked for by a person or the policy."""
    ABORTED = "aborted"
    """Ended by the policy because of a signal."""
    FAILED = "failed"
    """Exception or exit code."""
    KILLED = "killed"
    """SIGKILL, out of memory, or a forced stop."""
    HUNG = "hung"
    LOST = "lost"
    """The host is gone or silent."""
    QUIET = "quiet"
    """A log of another tool that does not grow: it does not say whether its training ended."""

    @property
    def live(self) -> bool:
        """Whether a process of this run is (believed to be) there, or will be by itself."""
        return self in (Status.QUEUED, Status.STARTING, Status.RUNNING, Status.STOPPING, Status.HUNG)


Liveness = Literal["alive", "dead", "unknown", "absent"]
"""unknown: another host or boot; absent: no lease was ever taken."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What only the reader's host can tell about a run's processes, gathered outside the pure core."""

    trainer: Liveness = "absent"
    supervisor: Liveness = "absent"
    silent_s: float | None = None
    """Seconds of the reader's own clock since it saw a file of this run grow; None: never seen growing."""
    boot: str = ""
    booted: float | None = None
    """The reader's boot, and when that was by its clock now: for the age of events of the same host."""
    queue: str = ""
    """What the scheduler says of the run's job (guardrun.reading.slurm_queue); "" unknown, or no job."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """The metric that decides which checkpoint is best."""

    name: str
    mode: Literal["min", "max"] = "min"
    last: float | None = None
    best: float | None = None
    best_step: int | None = None


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """A checkpoint that a pointer names, or that an event announced."""

    path: str
    """Folder, relative to the run directory: ``checkpoints/step-120-a1``."""
    step: int
    metric: float | None
    sha256: str
    """Hash of the folder's meta.json, which holds the hash of every file."""
    verified: bool | None
    """True: proved by the supervisor; False: damaged; None: not yet proved."""
    epoch: int | None = None
    bytes: int | None = None
    t: float | None = None
    problem: str = ""
    seconds: float | None = None
    """That writing it took."""
    own: str = ""
    """The file or folder that it stands for, where the training's own code saved it; "" for guard's own."""


@dataclass(frozen=True, slots=True)
class SaveAnswer:
    """What became of a checkpoint that somebody asked for."""

    id: str
    """Of the command."""
    seen: float
    """When the training saw it, and at which step."""
    step: int
    written: CheckpointRef | None = None
    problem: str = ""
    """Why nothing was written."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A person's note about a run."""

    text: str
    by: str
    t: float


@dataclass(frozen=True, slots=True)
class StopStage:
    """One stage of a safe stop: requested, seen, saving, saved, verified, ended, gone."""

    stage: str
    t: float
    rank: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One launch of the run; a resume is the next."""

    number: int
    started: float
    from_step: int = 0
    ended: float | None = None
    status: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything a front end shows about a run but its curves."""

    run_id: str
    name: str
    path: str
    group: str | None
    created: float | None
    status: Status
    reason: str
    exit_code: int | None
    attempt: int
    attempts: tuple[Attempt, ...]
    step: int
    total_steps: int | None
    epoch: int | None
    total_epochs: int | None
    steps_per_epoch: int | None
    phase: str
    monitor: Monitor | None
    best: CheckpointRef | None
    last: CheckpointRef | None
    signals: tuple[Any, ...]
    """guardrun.signals.model.Signal, newest last; typed loosely because signals is a later room."""
    stop: tuple[StopStage, ...]
    """Stages of the latest stop of this attempt, in order."""
    stop_offer: str
    """The next rung that a person may climb ("SIGTERM"), when the stop makes no progress; else ""."""
    can_save: bool
    """False: guard cannot save this run (neither track, register_checkpoint nor on_stop)."""
    supervised: bool
    host: str
    ranks: int
    elapsed_s: float | None
    """Training time of all attempts together, from event times; a clock that was set adds nothing."""
    eta_s: float | None
    step_rate: float | None
    """Optimizer steps a second, from recent events."""
    last_event_t: float | None
    """Wall time of the newest event of any file, by the reader's clock where that is of the same host."""
    silent_s: float | None
    cost: float | None
    currency: str
    bad_lines: int
    dropped_events: int
    notes: tuple[str, ...] = ()
    """Plain remarks: renamed metrics, truncated files, dropped events."""
    gpu_note: str = ""
    """Why there are no GPU numbers, e.g. "no NVIDIA GPU"; "" when there are."""
    env: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[Event, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    git: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    error: str = ""
    """The exception or other cause that the end tells; "" where it tells none."""
    saves: tuple[SaveAnswer, ...] = ()
    """Checkpoints that were asked for in this attempt, as far as the training saw it; newest last."""
    tags: tuple[str, ...] = ()
    deserted: bool = False
    """Its supervisor died, and the training goes on: another can take it up."""
    remarks: tuple[Remark, ...] = ()
    """Notes of people, oldest first."""
    last_steady_t: float | None = None
    """The same as ``last_event_t`` by the clock by which curves, attempts and durations are told: that of the
    log's beginning, however often it was set since."""
    job: Mapping[str, Any] = field(default_factory=dict)
    """The scheduler's job: job_id, partition, nodes, restarts; empty without one."""
    source: str = ""
    """The format of the log of another tool of which all this was read where it lies; "" for a run."""
