"""A safe stop at random instants, of 1, 2 and 4 ranks, under the real supervisor."""

from __future__ import annotations

import json
import random
import time
from typing import Final

from benchmarks.faults import supervised
from benchmarks.faults.campaign import Campaign, Row, Trials, scratch
from benchmarks.faults.forking import beside, events, events_of_supervisor, forked, new_run, warm
from benchmarks.faults.stop_training import Kind, kind_of, launch
from benchmarks.faults.supervised import orphans
from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths
from guardrun.events.schema import RUN_END
from guardrun.recording.checkpoints.prove import prove
from guardrun.supervising.process_tree import become_subreaper

RANKS: Final = (1, 1, 2, 2, 4)
LONGEST_S: Final = {1: 1.2, 2: 2.5, 4: 3.5}
"""From the launch to the request: from before the first line of the training to well within it."""
PATIENCE_S: Final = 60.0
CONFIG: Final = {
    "checkpoint": {"every_steps": 16, "every_epochs": 1, "keep": 2},
    "monitor": {"metric": "val/loss"},
    "stop": {"grace": 30.0},
}


def supervise(paths: RunPaths, kind: Kind) -> None:
    """`guard run`'s supervisor and the training of this kind."""
    supervised.supervise(paths, lambda: launch(paths, kind))


def run(row: Row, trials: Trials) -> None:
    """Each trial launches a supervised training, asks it to stop, and looks at what it left."""
    warm()
    become_subreaper()  # what the supervisor leaves behind becomes ours
    by_ranks = dict.fromkeys(RANKS, 0)
    early = 0
    with scratch(row, "guard-stops-") as folder:
        for number, chance in trials:
            kind = kind_of(chance, RANKS[number % len(RANKS)])
            paths = new_run(folder, beside(CONFIG, chance))
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
    ends = events_of_supervisor(paths, RUN_END)
    return " ".join(f"{key}={ends[-1].get(key)}" for key in ("status", "reason", "error")) if ends else "?"


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
