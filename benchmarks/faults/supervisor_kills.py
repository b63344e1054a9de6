"""kill -9 of a supervisor: with its training, or alone, when the training goes on and is taken up again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Final

import psutil

from benchmarks.faults.forking import events, events_of_supervisor, forked
from benchmarks.faults.supervised import attach, orphans, supervise
from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths
from guardrun.events.schema import RUN_END, RUN_START
from guardrun.following.run_follower import RunFollower
from guardrun.provenance.host import read_lease
from guardrun.recording.checkpoints.prove import prove
from guardrun.state.model import RunState
from guardrun.state.status import DESERTED_AFTER_S, LOST_AFTER_S

LONGEST_S: Final = 1.2
"""From the launch to the kill: from before the first line of the training to well within it."""
EARLY_S: Final = 0.06
SEEN_S: Final = 5.0
"""After which whoever looks on must have seen what became of a run."""
PATIENCE_S: Final = 60.0
_WORKERS_S: Final = 15.0
"""PyTorch's workers look every five seconds whether their parent lives."""


def both(paths: RunPaths, launch: Callable[[], None], chance: random.Random, met: Counter[str]) -> list[str]:
    """Supervisor and training die within a few milliseconds, in any order: nobody is left to tell of it."""
    met["both"] += 1
    supervisor = forked(supervise, paths, launch)
    watcher = RunFollower(paths.root)
    time.sleep(_instant(chance))
    watcher.poll()
    watcher.state()
    _kill_both(supervisor, chance)
    return [*never_alive(paths, watcher), *orphans()]


def supervisor_alone(
    paths: RunPaths, launch: Callable[[], None], chance: random.Random, met: Counter[str]
) -> list[str]:
    """The training goes on, is shown as unsupervised, and is taken up; then it is stopped or killed."""
    met["supervisor alone"] += 1
    supervisor = forked(supervise, paths, launch)
    time.sleep(_instant(chance))
    supervisor.kill()
    supervisor.join()
    trainer = _trainer()
    if trainer is None:
        met["supervisor killed before it had started anything"] += 1
        return never_alive(paths, RunFollower(paths.root))
    problems = _goes_on(paths, trainer)
    time.sleep(chance.uniform(0.0, 0.3))
    second = _take_up(paths, trainer)
    if second is None:
        return [*problems, "no second supervisor could take it up", *orphans()]
    met["taken up"] += 1
    time.sleep(chance.uniform(0.0, 0.5))
    how = chance.choice(("stop", "kill the trainer", "kill both"))
    met[f"then {how}"] += 1
    if how == "stop":
        send_command(paths, "stop", attempt=1, via="cli")
    elif how == "kill the trainer":
        trainer.kill()
    else:
        second.kill()
        trainer.kill()
    _as_init(second, trainer)
    if second.exitcode is None:
        second.kill()
        problems.append(f"the second supervisor is not over after {PATIENCE_S:.0f} s")
    problems += stopped(paths) if how == "stop" else []
    return [*problems, *never_alive(paths, RunFollower(paths.root)), *orphans()]


def _instant(chance: random.Random) -> float:
    """Of a kill; one in four while the supervisor has not started the training yet, or only just."""
    return chance.uniform(0.0, LONGEST_S if chance.random() < 0.75 else EARLY_S)


def _kill_both(supervisor: BaseProcess, chance: random.Random) -> None:
    assert supervisor.pid is not None
    trainers = psutil.Process(supervisor.pid).children()
    victims = [supervisor.pid, *(trainer.pid for trainer in trainers)]
    chance.shuffle(victims)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
        time.sleep(chance.choice((0.0, 0.0, 0.002)))
    supervisor.join()
    if (late := _trainer()) is not None:  # forked in between
        late.kill()
        late.wait(PATIENCE_S)


def _trainer() -> psutil.Process | None:
    """The training whose supervisor was killed: ours now."""
    living = [each for each in psutil.Process().children() if _lives(each)]
    return living[0] if living else None


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _as_init(second: BaseProcess, trainer: psutil.Process) -> None:
    """Wait for both, and take the exit code of the one that has lost its parent, as init does."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            trainer.wait(0.01)
        except psutil.TimeoutExpired:
            continue
        second.join(PATIENCE_S)
        return


def _goes_on(paths: RunPaths, trainer: psutil.Process) -> list[str]:
    """Its supervisor's death costs the training nothing, and who looks is told of it."""
    before = len(events(paths, "metrics"))
    deadline = time.monotonic() + SEEN_S
    while len(events(paths, "metrics")) <= before:
        if not _lives(trainer) or time.monotonic() > deadline:
            return [f"the training did not go on: {paths.console.read_text()[-300:]}"]
        time.sleep(0.01)
    state = _state(RunFollower(paths.root))
    if not state.status.live:
        return [f"it is shown as {state.status} and lives"]
    return [] if not state.supervised else ["it is shown as supervised by a dead supervisor"]


def _take_up(paths: RunPaths, trainer: psutil.Process) -> BaseProcess | None:
    """A second supervisor, asked for again while the training has not even taken its lease."""
    deadline = time.monotonic() + SEEN_S
    while _lives(trainer) and time.monotonic() < deadline:
        second = forked(attach, paths)
        while second.exitcode is None and time.monotonic() < deadline:
            if _state(RunFollower(paths.root)).supervised:
                return second
            second.join(0.02)
        second.kill()
        second.join()
    return None


def stopped(paths: RunPaths) -> list[str]:
    """What does not hold of a training that was asked to stop under its second supervisor."""
    ends = events(paths, RUN_END)
    if not ends or ends[-1]["status"] != "stopped":
        return [f"it was asked to stop and ended so: {ends}"]
    proof, step = prove(paths, "last"), ends[-1]["step"]
    return [] if proof["step"] == step else [f"last is of step {proof['step']}, the training left at {step}"]


def never_alive(paths: RunPaths, watcher: RunFollower) -> list[str]:
    """A dead run is told from a living one by who comes now, and by who has looked on."""
    workers = psutil.wait_procs(psutil.Process().children(recursive=True), _WORKERS_S)[1]
    problems = [f"{len(workers)} processes live on"] if workers else []
    later = _told_after(paths)
    state = _state(RunFollower(paths.root), later)
    problems += [f"nothing of it lives, and it is shown as {state.status}"] if state.status.live else []
    deadline = time.monotonic() + SEEN_S
    while not later and (state := _state(watcher)).status.live:
        if time.monotonic() > deadline:
            return [*problems, f"who looked on sees it as {state.status}"]
        time.sleep(0.05)
    return problems


def _told_after(paths: RunPaths) -> float:
    """Seconds after which nobody can wait any more for a training that left no trace of its process: it might
    still import its libraries."""
    if read_lease(paths.lease("trainer")) or events_of_supervisor(paths, RUN_START):
        return 0.0
    return DESERTED_AFTER_S if read_lease(paths.lease("supervisor")) else LOST_AFTER_S


def _state(follower: RunFollower, later: float = 0.0) -> RunState:
    follower.catch_up()
    return follower.state(time.time() + later)
