"""What remains to be done when the training's process is over: no orphan, the last events, the proofs."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from guardrun.events.schema import CHECKPOINT, NOTE
from guardrun.events.untrusted import read_tail
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.ladder import Stage
from guardrun.supervising.outcome import exit_words
from guardrun.supervising.process_tree import Tree, end_all, reap
from guardrun.supervising.proving import Proof, Prover
from guardrun.supervising.supervision import Supervision
from guardrun.supervising.tempo import Tempo

_LAST_OUTPUT: Final = 4 * 1024
"""Bytes of the training's output in which its last error stands."""


def clear_away(tree: Tree, prover: Prover, log: EventLog, tempo: Tempo, *, gave_up: bool) -> None:
    """End every process that is left of the training; a note names those that can't be ended."""
    if gave_up:
        log.write(NOTE, text="processes of this run hang in the kernel and could not be killed")
        return
    left = end_all(
        tree.members,
        grace=tempo.leftover_grace,
        patience=tempo.unkillable,
        reap=lambda: reap(prover.pids),
        poll=min(0.05, tempo.turn),
    )
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        log.write(NOTE, text=f"processes that could not be killed are left: {pids}")


def read_last_words(supervision: Supervision, seconds: float) -> None:
    """Take the events that the training wrote before it ended, for at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while not supervision.take_last_events() and time.monotonic() < deadline:
        pass


def end_words(exit_code: int, memory: str, console: Path) -> str:
    """How a training ended, in all the words there are: of the exit code, the kernel, its own output.

    ``memory`` is what the kernel's counters say about memory, or "".
    """
    if exit_code == 0:
        return exit_words(0)
    killed = exit_code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    # What happened on the host at that time need not have happened to this training.
    known = memory if killed or not memory.startswith("probably") else ""
    return "\n".join(filter(None, (exit_words(exit_code), known, _last_output(console))))


def _last_output(console: Path) -> str:
    try:
        return read_tail(console, _LAST_OUTPUT).decode("utf-8", "replace")
    except OSError:
        return ""


def record_proofs(prover: Prover, log: EventLog, tell: Callable[[Stage], None]) -> None:
    """Prove last and best; each result is an event, and ``tell`` is given it as a stage of the stop."""
    tell(Stage("verifying"))
    for proof in prover.prove_all():
        log.write(
            CHECKPOINT, role=proof.role, path=proof.path, verified=proof.verified, level=proof.level,
            problem=proof.problem, seconds=round(proof.seconds, 3), remarks=list(proof.remarks),
        )  # fmt: skip
        tell(proof_stage(proof))


def proof_stage(proof: Proof) -> Stage:
    """A proof as a stage: verified, damaged, or (when it could not be examined) still verifying."""
    if proof.verified:
        return Stage("verified", f"{proof.role}: {proof.path}")
    return Stage("damaged" if proof.verified is False else "verifying", f"{proof.role}: {proof.problem}")
