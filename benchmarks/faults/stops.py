"""A safe stop at random instants, of 1, 2 and 4 ranks, under the real supervisor."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from typing import Any, Final

import psutil

from benchmarks.faults.campaign import Campaign, Row, Trials, scratch
from benchmarks.faults.forking import events, forked, new_run, quietly, warm
from benchmarks.faults.stop_training import Kind, kind_of, launch
from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths
from guardrun.events.schema import RUN_END
from guardrun.recording.checkpoints.prove import prove
from guardrun.supervising import supervisor as supervising
from guardrun.supervising.launching import OwnTraining
from guardrun.supervising.process_tree import become_subreaper
from guardrun.supervising.proving import Prover
from guardrun.supervising.tempo import Tempo

RANKS: Final = (1, 1, 2, 2, 4)
LONGEST_S: Final = {1: 1.2, 2: 2.5, 4: 3.5}
"""From the launch to the request: from before the first line of the training to well within it."""
PATIENCE_S: Final = 60.0
CONFIG: Final = {
    "checkpoint": {"every_steps": 16, "every_epochs": 1, "keep": 2},
    "monitor": {"metric": "val/loss"},
    "stop": {"grace": 30.0},
}
TEMPO: Final = Tempo(turn=0.02, tick=0.2, sample=0.5, remember=0.2, leftover_grace=0.3, unkillable=10.0)


class _Fork:
    """A fork as the supervisor waits for it, in place of a command that it would start."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


def supervise(paths: RunPaths, kind: Kind) -> None:
    """`guard run`'s supervisor, whose training and proofs are forks instead of new interpreters."""

    def start(*_: object, **__: object) -> OwnTraining:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setsid()
                quietly(paths.console)
                launch(paths, kind)
                code = 0
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else 1
            finally:
                os._exit(code)
        return OwnTraining(_Fork(pid), own_session=True)  # type: ignore[arg-type]

    def ask(self: Prover, python: str, role: str, level: str) -> tuple[dict[str, Any], str]:
        return prove(paths, role, level), ""

    quietly(paths.root / "supervisor.log")
    supervising.start_training = start  # type: ignore[attr-defined]
    Prover._ask = ask  # type: ignore[method-assign]
    os._exit(supervising.run_supervisor(paths, 1, tempo=TEMPO))


def run(row: Row, trials: Trials) -> None:
    """Each trial launches a supervised training, asks it to stop, and looks at what it left."""
    warm()
    become_subreaper()  # what the supervisor leaves behind becomes ours
    by_ranks = dict.fromkeys(RANKS, 0)
    early = 0
    with scratch(row, "guard-stops-") as folder:
        for number, chance in trials:
            kind = kind_of(chance, RANKS[number % len(RANKS)])
            paths = new_run(folder, CONFIG)
            problems = one(paths, kind, chance)
            row.trials += 1
            by_ranks[kind.ranks] += 1
            early += last_step(paths) == 0
            row.losses += sum("is of step" in text for text in problems)
            row.violations += [f"trial {number} ({kind}): {text}" for text in problems]
    row.facts.append(", ".join(f"{count} with {ranks} ranks" for ranks, count in by_ranks.items()))
    row.facts.append(f"{early} stopped before the first step was over")


def one(paths: RunPaths, kind: Kind, chance: random.Random) -> list[str]:
    """One trial; what does not hold."""
    supervisor = forked(supervise, paths, kind)
    time.sleep(chance.uniform(0.0, LONGEST_S[kind.ranks]))
    send_command(paths, "stop", attempt=1, via="cli")
    supervisor.join(PATIENCE_S)
    problems = []
    if supervisor.exitcode is None:
        problems.append(f"not over after {PATIENCE_S:.0f} s, see {paths.root}")
        supervisor.kill()
        supervisor.join()
    elif supervisor.exitcode != 0:
        problems.append(f"guard run would end with {supervisor.exitcode}: {ended(paths)}")
    return [*problems, *orphans(), *steps_that_differ(paths, kind), *not_saved(paths, kind)]


def ended(paths: RunPaths) -> str:
    """What the supervisor says of the end."""
    lines = paths.supervisor.read_bytes().splitlines()
    ends = [event for event in map(json.loads, lines) if event["kind"] == RUN_END]
    return " ".join(f"{key}={ends[-1].get(key)}" for key in ("status", "reason", "error")) if ends else "?"


def orphans() -> list[str]:
    """What is left of the trial's processes; it is ended."""
    left = psutil.Process().children(recursive=True)
    told = []
    for process in left:
        try:
            told.append(f"orphan {process.pid}: {' '.join(process.cmdline())[:80]}")
            process.send_signal(signal.SIGKILL)
            process.wait(5)
        except psutil.Error:
            continue
    return told


def last_step(paths: RunPaths) -> int | None:
    """At which rank 0 says that it left."""
    ends = events(paths, RUN_END)
    return int(ends[-1]["step"]) if ends else None


def steps_that_differ(paths: RunPaths, kind: Kind) -> list[str]:
    """Ranks that left elsewhere than the others, or without a word, or for another reason."""
    ends = {rank: events(paths, RUN_END, rank) for rank in range(kind.ranks)}
    silent = [f"rank {rank} wrote no end" for rank, found in ends.items() if not found]
    told = {rank: (found[-1]["status"], found[-1]["step"]) for rank, found in ends.items() if found}
    if len(set(told.values())) > 1 or any(status != "stopped" for status, _ in told.values()):
        silent.append(f"the ranks ended differently: {told}")
    return silent


def not_saved(paths: RunPaths, kind: Kind) -> list[str]:
    """Whether ``last`` is whole, of the step at which the ranks left, and has a part of each."""
    step = last_step(paths)
    if step is None:
        return []
    try:
        proof = prove(paths, "last")
    except Exception as error:
        return [f"no last checkpoint at step {step}: {error}"]
    problems = [] if proof["verified"] else [f"last is damaged: {proof['problem']}"]
    if proof["step"] != step:
        problems.append(f"last is of step {proof['step']}, the training left at {step}")
    meta = json.loads((paths.root / proof["path"] / "meta.json").read_bytes())
    if len(meta["files"]) != kind.ranks:
        problems.append(f"last has {len(meta['files'])} parts of {kind.ranks} ranks")
    return problems


CAMPAIGN = Campaign("safe stop at random instants, 1, 2 and 4 ranks", 200, run)
