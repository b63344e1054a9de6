"""What became of a run, from its events and from facts about its processes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from guardrun.events.schema import Event
from guardrun.reading.slurm_queue import GONE, WAITING
from guardrun.state.model import Facts, Status
from guardrun.state.values import whole, words

HUNG_AFTER_S: Final = 300.0
"""A training step silent for less is never called hung: kernels compile, file systems stall. The user's
``stop.hang`` takes its place."""
HUNG_STEPS: Final = 10.0
"""Nor is one silent for less than so many slow steps (99th percentile)."""
HUNG_HARD_TIMES: Final = 6.0
"""So many times as long a silence is a hang whatever steps usually take, unless they take a third of that
themselves."""
LOST_AFTER_S: Final = 600.0
"""Silence after which a run on a host that can't be asked counts as lost."""
DESERTED_AFTER_S: Final = 30.0
"""A supervisor that died may have started a training which has told nothing yet: it imports its libraries."""

_ENDS: Final = frozenset((Status.FINISHED, Status.STOPPED, Status.ABORTED, Status.FAILED, Status.KILLED))


class Verdict(NamedTuple):
    """A status with its reason in words or as recorded ("patience", "stop:cli")."""

    status: Status
    reason: str = ""
    exit_code: int | None = None
    error: str = ""
    """What the end says of its cause, beside the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the events of the current attempt tell."""

    training_end: Event | None = None
    supervisor_end: Event | None = None
    stopping: bool = False
    """A stop was asked for and is not over."""
    phase: str = ""
    """The training's newest phase; "" before the first."""
    stepped: bool = False
    """Whether a step of this attempt was logged."""
    supervised: bool = False
    library: bool = True
    """Whether the training writes events of its own."""
    slow_step_s: float | None = None
    last_event_t: float | None = None
    """Wall time of the newest event of any file, by the clock of its host; else the launch's."""
    training_t: float | None = None
    """The same of rank 0's own file: samples of the machine go on while a training hangs."""
    hang: bool = False
    """The supervisor's signal ``hang`` holds."""
    hung_least_s: float = HUNG_AFTER_S
    """The user's ``stop.hang``."""
    submitted: bool = False
    """The attempt was given to a scheduler, and nothing of it was heard since."""


def hung_after(slow_step_s: float, least_s: float = HUNG_AFTER_S) -> float:
    """Seconds of silence in a training step after which the run counts as hung, ``least_s`` at least.

    ``slow_step_s`` is the 99th percentile of its steps' times.
    """
    return max(least_s, min(HUNG_STEPS * slow_step_s, max(HUNG_HARD_TIMES * least_s, 3.0 * slow_step_s)))


def hung_least(config: Mapping[str, Any]) -> float:
    """The configured ``stop.hang`` in seconds; it comes from a run directory and may be anything."""
    stop = config.get("stop")
    seconds = stop.get("hang") if isinstance(stop, Mapping) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
        return HUNG_AFTER_S
    return float(seconds)


def derive_status(evidence: Evidence, facts: Facts, now: float) -> Verdict:
    """The status of a run. ``now`` is the reader's wall time (unix seconds).

    A recorded end outranks everything; then what the process table says; then silence. Silence is the
    reader's own time since it saw growth, except for a process on this very host, whose clock is ours,
    and before this reader saw any growth.
    """
    ended = _recorded_end(evidence)
    if ended is not None:
        return ended
    waiting = _in_queue(evidence, facts)
    if waiting is not None:
        return waiting
    quiet = _silence(evidence, facts, now)
    if facts.trainer == "dead":
        return Verdict(Status.KILLED, "the training process is gone and wrote no end")
    if facts.trainer == "alive" or (facts.trainer == "absent" and facts.supervisor == "alive"):
        spoke = evidence.last_event_t if evidence.training_t is None else evidence.training_t
        return _of_living(evidence, facts, None if spoke is None else max(0.0, now - spoke))
    if (facts.trainer, facts.supervisor) == ("absent", "dead") and (quiet or 0.0) >= DESERTED_AFTER_S:
        return Verdict(Status.KILLED, "its supervisor died, and no training of it was ever seen")
    if quiet is not None and quiet >= LOST_AFTER_S:
        where = "its host does not answer" if facts.trainer == "unknown" else "no process of it is known"
        return Verdict(Status.LOST, f"no sign of life for {duration_words(quiet)}; {where}")
    return _of_living(evidence, facts, None)


def _in_queue(evidence: Evidence, facts: Facts) -> Verdict | None:
    """Of a run whose job waits: for the first time, or because it was requeued without a word of ours."""
    if facts.queue in WAITING:
        return Verdict(Status.QUEUED)
    if not evidence.submitted or facts.supervisor == "alive":
        return None
    if facts.queue == GONE:
        return Verdict(Status.LOST, "its job left the queue, and nothing of it was ever heard")
    return Verdict(Status.QUEUED if not facts.queue else Status.STARTING)


def _recorded_end(evidence: Evidence) -> Verdict | None:
    training, supervisor = evidence.training_end, evidence.supervisor_end
    if supervisor is not None:
        status = _end_status(supervisor)
        if training is not None and status == _end_status(training) and words(training.get("reason")):
            reason = words(training.get("reason"))
        else:
            reason = words(supervisor.get("reason"))
        error = words(supervisor.get("error")) or words((training or {}).get("error"))
        return Verdict(status, reason, _exit_code(supervisor), error)
    if training is not None:
        told = words(training.get("reason")), _exit_code(training), words(training.get("error"))
        return Verdict(_end_status(training), *told)
    return None


def _end_status(end: Event) -> Status:
    word = end.get("status")
    if isinstance(word, str) and word in _ENDS:
        return Status(word)
    return Status.FAILED if end.get("error") else Status.FINISHED


def _exit_code(end: Event) -> int | None:
    code = end.get("exit_code")
    return code if type(code) is int and -(2**31) <= code < 2**31 else whole(code)


def _silence(evidence: Evidence, facts: Facts, now: float) -> float | None:
    here = facts.trainer == "alive" or facts.silent_s is None
    if here and evidence.last_event_t is not None:
        return max(0.0, now - evidence.last_event_t)
    return facts.silent_s


def _of_living(evidence: Evidence, facts: Facts, hung: float | None) -> Verdict:
    if evidence.stopping:
        return Verdict(Status.STOPPING)
    if facts.trainer == "alive" and hung is not None and _hangs(evidence, hung):
        return Verdict(Status.HUNG, f"alive, but no event for {duration_words(hung)}")
    if evidence.stepped or evidence.phase not in ("", "setup") or not evidence.library:
        return Verdict(Status.RUNNING)
    return Verdict(Status.STARTING)


def _hangs(evidence: Evidence, silent: float) -> bool:
    if evidence.hang:
        # What the supervisor judged with all it knows; the reader only checks that it still holds.
        return silent > evidence.hung_least_s
    within_steps = evidence.phase == "train" and evidence.stepped
    return within_steps and silent > hung_after(evidence.slow_step_s or 0.0, evidence.hung_least_s)


def duration_words(seconds: float) -> str:
    """In one unit: ``3 h``, of which there are at least two."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
