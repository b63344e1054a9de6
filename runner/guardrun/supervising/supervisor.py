"""The supervisor: starts a training, watches and judges it, stops it safely, and says how it ended.

It never hurts the training: a bad event, a full disk or a fault of its own is noted and the loop goes on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.events.remembered import RememberedFolder
from guardrun.events.schema import NOTE, RUN_END, RUN_START
from guardrun.provenance.host import Lease, LeaseHeld
from guardrun.provenance.slurm import job_in, warning_of
from guardrun.supervising.ending import clear_away, end_words, read_last_words, record_proofs
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.faults import Faults
from guardrun.supervising.finding import find_training
from guardrun.supervising.ladder import Ladder, Rung, Stage
from guardrun.supervising.launching import (
    UNKNOWN_EXIT,
    CannotStart,
    OwnTraining,
    Training,
    argv_of,
    grace_of,
    marks_of,
    read_launch,
    start_training,
    words_for_other_hosts,
)
from guardrun.supervising.memory_facts import OomWatch
from guardrun.supervising.outcome import EndFacts, Outcome, outcome_of
from guardrun.supervising.past import PastAttempts
from guardrun.supervising.process_tree import (
    Identity,
    Tree,
    become_subreaper,
    reap,
    send_signal,
)
from guardrun.supervising.proving import Prover
from guardrun.supervising.samplers.thread import SystemSampler
from guardrun.supervising.stacks import StackSaver
from guardrun.supervising.stopping import Stopper, targets_in
from guardrun.supervising.supervision import Supervision
from guardrun.supervising.tempo import Tempo
from guardrun.supervising.training_log import TrainingLog


class Supervisor:
    """One attempt of one run, from its start (or from now, with ``attach``) to its end."""

    def __init__(
        self, paths: RunPaths, attempt: int, *, foreground: bool, attach: bool, tempo: Tempo,
        warned: Callable[[], None],
    ) -> None:  # fmt: skip
        self._paths = paths
        self._attempt = attempt
        self._foreground = foreground
        self._attach = attach
        self._tempo = tempo
        self._launch = read_launch(paths, attempt)
        self._job = job_in(os.environ)
        self._past = PastAttempts(paths, attempt)
        self._log = EventLog(
            paths.supervisor, writer="supervisor", run_id=paths.root.name, attempt=attempt,
            folder=RememberedFolder(paths.root, (paths.run_json, paths.attempt(attempt))),
        )  # fmt: skip
        self._faults = Faults(self._log)
        self._events = TrainingLog(paths, attempt)
        self._stacks = StackSaver(paths, lambda: self._events.ranks, self._events.stack_signals)
        self._oom = OomWatch()
        self._supervision = Supervision(
            paths, attempt, self._launch, log=self._log, past=self._past, events=self._events,
            faults=self._faults, attached=attach, tick=tempo.tick, stacks=self._stacks,
        )  # fmt: skip
        python = str(self._launch.get("python") or sys.executable)
        self._prover = Prover(paths, python, timeout=tempo.proof, hurried=self._is_hurried)
        marks = [f"{key}={value}".encode() for key, value in marks_of(paths, attempt).items()]
        self._tree = Tree(marks, adopting=not attach, helpers=lambda: self._prover.pids)
        self._last_words = ""
        self._asked = 0
        self._asked_seen = 0
        self._warned = self._heeded = False
        """Whether the scheduler will end the job soon, and whether something was done about it."""
        self._on_warning = warned
        self._remembered = float("-inf")

    def ask(self, *_: object) -> None:
        """A signal handler: SIGTERM or SIGINT reached the supervisor. Only counts; the loop acts."""
        self._asked += 1

    def warn(self, *_: object) -> None:
        """A signal handler: the scheduler's warning."""
        self._warned = True

    def _is_hurried(self) -> bool:
        """Whether somebody asked again, by a signal or a command; looked up while a proof takes its time."""
        self._faults.guard("reading commands", self._supervision.take_commands)
        return self._supervision.hurried or self._asked > 1

    def run(self) -> int:
        """Supervise to the end and return what ``guard run`` shall return.

        Raises UserError when there is nothing to attach to.
        """
        try:
            training = self._begin()
        except CannotStart as error:
            return self._finish(EndFacts(exit_code=None, cannot_start=str(error)))
        stopper = self._stopper_for(training)
        self._supervision.drive(stopper)
        sampler = SystemSampler(
            self._paths, self._attempt, every=self._tempo.sample, members=self._tree.family,
            told=self._supervision.samples.put,
        )  # fmt: skip
        self._faults.guard("sampling", sampler.start)
        exit_code = self._watch(training, stopper)
        self._wind_up(stopper, sampler, exit_code)
        return self._finish(self._facts(exit_code, stopper))

    def _wind_up(self, stopper: Stopper, sampler: SystemSampler, exit_code: int) -> None:
        """The training's process is over: leave no orphan, read its last events, prove its checkpoints."""

        def tell(stage: Stage) -> None:
            request = stopper.ladder.request
            if request is not None:
                self._supervision.record_stage(stage, request)

        guard, log, tempo = self._faults.guard, self._log, self._tempo
        guard(
            "ending leftover processes",
            lambda: clear_away(self._tree, self._prover, log, tempo, gave_up=stopper.gave_up),
        )
        guard("sampling", sampler.stop)
        guard(
            "reading the last events",
            lambda: read_last_words(self._supervision, tempo.last_words),
        )
        self._last_words = end_words(exit_code, self._oom.finding(), self._paths.console)
        guard("judging the end", lambda: self._supervision.judge_the_end(self._last_words))
        guard("saying that all is gone", stopper.gone)
        guard("clearing away what no stacks were written into", self._stacks.tidy)
        guard("proving checkpoints", lambda: record_proofs(self._prover, log, tell))

    def _begin(self) -> Training:
        if self._attach:
            found = find_training(self._paths, self._attempt, self._past)
            self._log.write(NOTE, text=f"supervision taken up again for pid {found.pid}")
            training: Training = found
        else:
            self._invite_other_hosts()
            training = start_training(self._launch, self._paths, self._attempt, foreground=self._foreground)
        if training.identity is not None:
            self._tree.roots.add(training.identity)
        self._tree.session = training.session
        if self._past.started is None:
            self._announce(training)
        return training

    def _invite_other_hosts(self) -> None:
        """Say what has to be started there, at the head of the output and in the log."""
        words = words_for_other_hosts(self._launch, self._paths, self._attempt)
        if words:
            self._log.write(NOTE, text=f"on each of the other hosts: {words}")
            with open(self._paths.console, "a", encoding="utf-8") as console:
                console.write(f"guard: on each of the other hosts: {words}\n")

    def _announce(self, training: Training) -> None:
        config = self._launch.get("config") or {}
        cost = config.get("cost") or {}
        identity = training.identity
        self._log.write(
            RUN_START, attempt=self._attempt, pid=identity.pid if identity else None,
            pid_start=identity.start if identity else None, command=argv_of(self._launch),
            cost_per_hour=cost.get("per_hour"), currency=cost.get("currency", "EUR"),
            policy=config.get("policy") or {}, **({"slurm": self._job.as_json()} if self._job else {}),
        )  # fmt: skip

    def _stopper_for(self, training: Training) -> Stopper:
        ladder = Ladder(
            library=self._supervision.has_library,
            grace=grace_of(self._launch),
            unkillable=self._tempo.unkillable,
        )
        return Stopper(
            ladder,
            checkpoints=self._paths.checkpoints,
            record=self._supervision.record_stage,
            targets=lambda rung: self._targets(training, rung),
            kill_all=self._kill_all,
            before=lambda rung: self._faults.guard("saving stacks", lambda: self._save_stacks(rung)),
        )

    def _save_stacks(self, rung: Rung) -> None:
        """What the training was doing when it had to be ended."""
        self._events.look_again()
        self._supervision.take_events()
        where = self._stacks.save()
        if where:
            self._log.write(NOTE, text=f"before {rung} the Python stacks were saved: {where}", stacks=where)

    def _targets(self, training: Training, rung: Rung) -> Iterable[Identity]:
        """The ranks by their own words; else what the first process runs. Never a group, never an agent."""
        # A rank that started a moment ago must not be missed.
        self._events.look_again()
        self._supervision.take_events()
        ranks = list(self._events.ranks.values())
        if ranks or training.identity is None:
            return ranks
        return targets_in(training.identity, rung)

    def _kill_all(self) -> None:
        for process in self._tree.members():
            send_signal(process, signal.SIGKILL)

    def _watch(self, training: Training, stopper: Stopper) -> int:
        """Turn after turn until the training is over; its exit code."""
        while True:
            exit_code = training.poll()
            if exit_code is not None:
                return exit_code
            if stopper.gave_up:
                return UNKNOWN_EXIT
            self._pass_signals_on()
            self._supervision.turn()
            self._faults.guard("looking at processes", lambda: self._remember(training))
            # A log that is far ahead (an attach to a long run) is read without resting for whole turns.
            time.sleep(self._tempo.turn if self._supervision.caught_up else self._tempo.turn / 20)

    def _pass_signals_on(self) -> None:
        guard = self._faults.guard
        if self._warned and not self._heeded:
            self._heeded = True
            guard("minding the job's end", self._on_warning)
            guard("heeding the scheduler", lambda: self._supervision.ask_by_warning(warning_of(self._launch)))
        via = "sigterm" if self._job is None else "scheduler"
        while self._asked_seen < self._asked:
            self._asked_seen += 1
            guard("passing a signal on", lambda: self._supervision.ask_by_signal(via))

    def _remember(self, training: Training) -> None:
        """Reap what was adopted; of a training that is not our child, remember the processes in time."""
        now = time.monotonic()
        if now - self._remembered < self._tempo.remember:
            return
        self._remembered = now
        self._tree.roots.update(self._events.ranks.values())
        if self._attach:
            self._tree.roots.update(self._tree.members())
        elif not self._foreground:
            self._reap(training)

    def _reap(self, training: Training) -> None:
        own = {training.pid} if isinstance(training, OwnTraining) else set()
        reap(own | self._prover.pids)

    def _facts(self, exit_code: int, stopper: Stopper) -> EndFacts:
        return EndFacts(
            exit_code=exit_code,
            training_end=self._supervision.training_end,
            request=stopper.ladder.request,
            forced=stopper.ladder.forced,
            signalled=stopper.signalled,
            library=self._supervision.has_library,
            oom=self._oom.finding(),
        )

    def _finish(self, facts: EndFacts) -> int:
        outcome: Outcome = outcome_of(facts)
        extra: dict[str, Any] = {"error": outcome.error} if outcome.error else {}
        if facts.exit_code not in (0, None):
            extra["last_words"] = self._last_words
        if self._stacks.last:
            extra["stacks"] = self._stacks.last
        if self._log.dropped:
            extra["dropped"] = self._log.dropped
        self._log.write(
            RUN_END, status=outcome.status, reason=outcome.reason,
            exit_code=None if facts.exit_code == UNKNOWN_EXIT else facts.exit_code,
            guard_exit=outcome.guard_exit, step=self._supervision.step, attempt=self._attempt, **extra,
        )  # fmt: skip
        self._log.sync()
        self._log.close()
        return outcome.guard_exit


def run_supervisor(
    paths: RunPaths,
    attempt: int,
    *,
    foreground: bool = False,
    attach: bool = False,
    takeover: bool = False,
    tempo: Tempo | None = None,
    warned: Callable[[], None] = lambda: None,
) -> int:
    """Supervise ``attempt`` until it is over; returns the exit code of ``guard run``.

    In the ``foreground`` the training shares this terminal, whose Ctrl-C it gets itself. ``takeover``, here
    or in the attempt's file: a supervisor on another host counts as gone. ``warned`` is called once, when
    the scheduler's warning is heeded. Raises UserError when that file is missing, when another supervisor
    holds the run, or when there is nothing to attach to.
    """
    lease = Lease(paths.lease("supervisor"))
    try:
        lease.take(attempt, force=takeover or read_launch(paths, attempt).get("takeover") is True)
    except LeaseHeld as error:
        raise UserError(
            f"{paths.root.name} already has a supervisor: {error}",
            hint=f"look at the run with `guard watch {paths.root}`",
        ) from error
    except OSError as error:
        raise UserError(f"cannot write {lease.path}: {error.strerror or error}") from error
    try:
        supervisor = Supervisor(
            paths, attempt, foreground=foreground, attach=attach, tempo=tempo or Tempo(), warned=warned
        )
        become_subreaper()
        with _Handlers(supervisor.ask, supervisor.warn, foreground=foreground):
            return supervisor.run()
    finally:
        lease.release()


class _Handlers:
    """Signal handlers for the time of the supervision. Functions, never SIG_IGN: exec would pass that on."""

    def __init__(self, ask: Callable[..., None], warn: Callable[..., None], *, foreground: bool) -> None:
        def ignore(number: int, frame: FrameType | None) -> None:
            pass

        self._wanted: dict[int, Callable[[int, FrameType | None], None]] = {
            signal.SIGTERM: ask,
            signal.SIGINT: ignore if foreground else ask,
            signal.SIGHUP: ignore,
        }
        if job_in(os.environ) is not None:
            self._wanted[signal.SIGUSR1] = warn
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._wanted.items():
                self._before[number] = signal.signal(number, handler)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
