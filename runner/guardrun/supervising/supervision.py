"""One turn of the supervisor's work while the training runs: commands, events, signals, the stop."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

from guardrun.events.commands import ACKNOWLEDGE, REMARK, TAG, BadCommand, CommandInbox
from guardrun.events.paths import RunPaths
from guardrun.events.schema import ACK, HEADER, NOTE, PHASE, RUN_END, SIGNAL, Event, is_foreign
from guardrun.signals.model import Signal
from guardrun.supervising.acknowledging import Acknowledger
from guardrun.supervising.asking import Asker
from guardrun.supervising.clock import Clock
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.faults import Faults
from guardrun.supervising.foreign_logs import foreign_logs_of
from guardrun.supervising.judge import Judge, first_points, signal_fields
from guardrun.supervising.ladder import Request, Stage
from guardrun.supervising.launching import grace_of
from guardrun.supervising.past import PastAttempts
from guardrun.supervising.siblings import SiblingWatch
from guardrun.supervising.stacks import StackSaver
from guardrun.supervising.stopping import Stopper, bad_command_text
from guardrun.supervising.training_log import TrainingLog


class Supervision:
    """What is known of a running attempt, and what is done about it. Holds no process."""

    def __init__(
        self,
        paths: RunPaths,
        attempt: int,
        launch: Mapping[str, Any],
        *,
        log: EventLog,
        past: PastAttempts,
        events: TrainingLog,
        faults: Faults,
        attached: bool,
        tick: float,
        stacks: StackSaver,
    ) -> None:
        config = launch.get("config") or {}
        self.step = 0
        self.training_end: Event | None = None
        """Rank 0's run_end."""
        self.hurried = False
        """Somebody asked again: what can be skipped is skipped."""
        self.has_library = launch.get("library") is True
        """Whether the training writes events and reads control files."""
        self._log = log
        self._grace = grace_of(launch)
        self._faults = faults
        self._events = events
        self._logs = foreign_logs_of(launch, paths, attempt, log, attached=attached)
        if self._logs is not None:
            faults.guard("looking for earlier logs", self._logs.remember_the_past)
        self._siblings = SiblingWatch(paths.root)
        self._inbox = CommandInbox(paths, attempt)
        self._acknowledger = Acknowledger(log, past.answered)
        self._began = time.time()
        self._judge = Judge(
            config, past.signals, first_points(paths.events(), attempt), spent_before=past.seconds,
            began=past.started or self._began,
        )  # fmt: skip
        self.samples: SimpleQueue[dict[str, float]] = SimpleQueue()
        """What the sampler's thread saw, until the next turn."""
        self._clock = Clock(tick)
        self._asker = Asker(paths, attempt, log, self._ask_directly)
        self._stopper: Stopper | None = None
        self._stacks = stacks
        self._stuck: dict[str, Any] = {}
        """Where the stacks of the present hang are, for its evidence."""
        self._acted = False
        self._pending: list[Signal] = []
        self._history = attached
        """True while events are read that happened before this supervisor came."""

    def drive(self, stopper: Stopper) -> None:
        """Take the stopper that acts on the training's processes."""
        self._stopper = stopper

    def turn(self) -> None:
        """Everything that is due now. Never raises."""
        guard = self._faults.guard
        guard("reading commands", self.take_commands)
        guard("looking at the group's other runs", self._look_at_siblings)
        guard("reading the training's events", self.take_events)
        if self.caught_up:
            guard("judging the machine", self._take_samples)
            guard("minding the time", self._mind_time)
        guard("acknowledging signals", self._acknowledge)
        guard("acting on signals", self._act_on_signals)
        guard("stopping", self._tick)

    def ask_by_signal(self, via: str = "sigterm") -> None:
        """SIGTERM or SIGINT reached the supervisor: a safe stop; a second one hurries it.

        Who sends these (a service manager, a scheduler) reads no offers: the stop climbs by the grace.
        """
        again = self._stopper is not None and self._stopper.ladder.active
        self.hurried = self.hurried or again
        self._asker.stop(via, grace=self._grace, hurry=again)

    def ask_by_warning(self, seconds: float) -> None:
        """The scheduler will end the job in so many seconds: a safe stop, that climbs in the time there is.

        Half of it may pass without progress before a rung that could lose steps is tried.
        """
        self._asker.stop("scheduler", grace=seconds / 2)

    def record_stage(self, stage: Stage, request: Request) -> None:
        """Write one stage of the stop into supervisor.jsonl."""
        fields: dict[str, Any] = {"stage": stage.stage, "id": request.id, "via": request.via}
        if stage.rank is not None:
            fields["rank"] = stage.rank
        self._log.write(PHASE, phase="stop", **fields, text=stage.text)

    def take_events(self) -> None:
        """Judge and remember what the training wrote since the last look, into a log of its own too."""
        self._take_written()
        if self._logs is not None:
            self._faults.guard("reading the training's own log", self._translate)

    def take_last_events(self) -> bool:
        """The same for a training that is over, which may have opened files a moment ago; False while there
        is more to read."""
        self._events.look_again()
        if self._logs is not None:
            self._logs.look_again()
        self.take_events()
        if self.caught_up and self._logs is not None:
            self._logs.finish()
        return self.caught_up

    @property
    def caught_up(self) -> bool:
        """Whether the last look read all there was."""
        return self._events.caught_up and (self._logs is None or self._logs.caught_up)

    def _translate(self) -> None:
        if self._logs is not None and self._logs.poll(library=self.has_library):
            self._take_written()

    def _take_written(self) -> None:
        now = time.monotonic()
        for rank, event in self._events.poll():
            self._faults.guard("an event", lambda rank=rank, event=event: self._take(rank, event, now))  # type: ignore[misc]

    def _take(self, rank: int, event: Event, now: float) -> None:
        if event["kind"] == HEADER and not is_foreign(event):
            self._meet_library()
        elif event["kind"] == ACK and not self._stop_is_under_way():
            # The training was faster than this turn: its answer makes sense only after the question.
            self.take_commands()
        if self._stopper is not None:
            self._stopper.event(rank, event, now)
        if rank == 0:
            step = event.get("step")
            self.step = step if isinstance(step, int) else self.step
            if event["kind"] == RUN_END:
                self.training_end = event
        self._record(self._judge.feed(event, rank))

    def _look_at_siblings(self) -> None:
        found = self._siblings.turn(*self._judge.monitor)
        if found is not None:
            self._judge.compare_with(found)

    def _take_samples(self) -> None:
        while True:
            try:
                values = self.samples.get_nowait()
            except Empty:
                return
            self._record(self._judge.sample(self._clock.now(), values))

    def _mind_time(self) -> None:
        t = self._clock.due()
        if t is not None:
            self._record(self._judge.tick(t))

    def judge_the_end(self, text: str) -> None:
        """The training is over; ``text`` says how, as far as only its supervisor knows."""
        self._take_samples()
        self._record(self._judge.end(self._clock.now(), text))

    def _record(self, transitions: Sequence[Signal]) -> None:
        for signal in transitions:
            if signal.id == "hang":
                signal = self._with_stacks(signal)
            self._log.write(SIGNAL, **signal_fields(signal))
            if signal.cleared_at is None:
                self._pending.append(signal)

    def _with_stacks(self, signal: Signal) -> Signal:
        """A hang with the place of its stacks, saved while it lasts and before anything is done about it."""
        if signal.cleared_at is None and self.caught_up and not self._history:
            self._faults.guard("saving stacks", self._save_stacks)
        return replace(signal, evidence={**signal.evidence, **self._stuck})

    def _save_stacks(self) -> None:
        where = self._stacks.save()
        self._stuck = {"stacks": where} if where else {}

    def _meet_library(self) -> None:
        self.has_library = True
        if self._stopper is not None:
            self._stopper.ladder.library = True

    def _act_on_signals(self) -> None:
        """The policy: only on what happens now, never on what was over before this supervisor came."""
        if not self.caught_up:
            return
        raised, self._pending = self._pending, []
        if self._history:
            self._history = False
            raised = list(self._judge.active)
        wanted = [signal for signal in raised if self._is_to_act(signal)]
        if not wanted or self._acted or self.training_end is not None or self._stop_is_under_way():
            return
        self._acted = True
        signal = min(wanted, key=lambda one: one.action != "abort")
        via, reason = _request_of(signal)
        self._asker.stop(via, reason, now=signal.action == "abort")

    def _acknowledge(self) -> None:
        if self.caught_up:
            self._acknowledger.answer(self._judge.active, self.step)

    def _is_to_act(self, signal: Signal) -> bool:
        # A training with the library minds the user's patience itself, with its best checkpoint saved.
        return signal.action in ("stop", "abort") and not (signal.id == "patience" and self.has_library)

    def take_commands(self) -> None:
        """Obey new command files of this attempt; what is no command is noted."""
        for found in self._inbox.poll(time.time()):
            if isinstance(found, BadCommand):
                self._log.write(NOTE, text=bad_command_text(found))
            elif found.command in (ACKNOWLEDGE, REMARK, TAG):
                self._acknowledger.take(found)
            elif self._stopper is not None:
                old = found.sent < self._began
                # A stop that waits since before an --attach still holds, but nobody asks again just now.
                self._stopper.command(found._replace(hurry=found.hurry and not old), time.monotonic())
                self.hurried = self.hurried or (found.hurry and not old)

    def _ask_directly(self, request: Request) -> None:
        if self._stopper is not None:
            self._stopper.ladder.library = False
            self._stopper.ask(request, time.monotonic())

    def _stop_is_under_way(self) -> bool:
        return self._stopper is not None and self._stopper.ladder.request is not None

    def _tick(self) -> None:
        if self._stopper is not None:
            self._stopper.tick(time.monotonic())


def _request_of(signal: Signal) -> tuple[str, str]:
    """From where the stop for a signal comes, and the reason that the run ends by."""
    if signal.action == "stop" and signal.id == "budget":
        return "budget", f"budget:{signal.evidence.get('which')}"
    if signal.action == "stop" and signal.id == "patience":
        return "policy", "patience"
    return "policy", f"{signal.action}:{signal.id}"
