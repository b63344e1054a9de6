"""One run, followed from its files while it is written: series, state, signals."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from guardrun.events.paths import RunPaths, rank_of
from guardrun.events.schema import (
    ACK,
    EVAL,
    HEADER,
    NOTE,
    PHASE,
    RESUME,
    RUN_END,
    RUN_START,
    TEXT,
    Event,
)
from guardrun.following.acknowledging import (
    Acknowledgement,
    CommandFiles,
    acknowledged,
    acknowledgement,
    awake,
)
from guardrun.following.catching_up import catch_up
from guardrun.following.console import ConsoleWindow
from guardrun.following.episodes import Episodes, recorded_signal
from guardrun.following.folder_marks import FolderMarks
from guardrun.following.glance import Glance, glance
from guardrun.following.group_curves import group_of
from guardrun.following.judging import RunJudge
from guardrun.following.liveness import gather_facts
from guardrun.following.log_file import LogFile
from guardrun.following.saved import Saved, list_saved
from guardrun.following.small_files import SmallFiles
from guardrun.series.store import SYSTEM, SeriesStore
from guardrun.signals.context import EngineSettings, settings_of
from guardrun.signals.siblings import Sibling
from guardrun.state.fold import RunFold
from guardrun.state.model import Facts, RunState
from guardrun.state.values import real, table, whole, words

_TIMELINE: Final = frozenset((PHASE, RUN_END))
_BEGINNINGS: Final = frozenset((HEADER, RUN_START, RESUME))
_NOT_TOLD: Final = _TIMELINE | {HEADER, NOTE, TEXT, ACK}
_MOST_TOLD: Final = 4096
_LOOK_S: Final = 1.0
"""Between two looks for new files, pointers and leases."""


class RunFollower:
    """Tails every file of a run in bounded slices and tells its state. Holds no descriptor between polls.

    With ``judge`` a run that no supervisor watches is judged here, and its signals say so
    (``recorded=False``). Nothing raises because of what the files hold, or because they vanish.
    With ``hasty`` a state that is asked for before a long log was read comes from its beginning and its end.
    """

    def __init__(self, path: Path | str, judge: bool = True, *, hasty: bool = False) -> None:
        self.path = Path(path)
        self.paths = RunPaths(path)
        self.series = SeriesStore()
        """Every curve; ``series.get(name, rank)``, system samples under rank ``SYSTEM``."""
        self.caught_up = False
        """Whether everything that was there has been read, and judged if it has to be."""
        self._fold = RunFold()
        self._files: dict[str, LogFile] = {}
        self._small = SmallFiles(self.paths)
        self._folders = FolderMarks(
            (self.path, self.paths.attempts, self.paths.checkpoints, self.paths.control)
        )
        self._hasty = hasty
        self._glance: Glance | None = None
        self._judge_wanted = judge
        self._judge: RunJudge | None = None
        self._siblings: tuple[Sibling, ...] = ()
        self._timeline: list[tuple[int, Event]] = []
        """Rank 0's phases and ends, with the number of its rows before each."""
        self._told: dict[str, list[Event]] = {}
        self._answered: list[Acknowledgement] = []
        """Signals that a person knows of, by the training's answers."""
        self._answering = 1
        self._commands = CommandFiles(self.paths.control)
        self._recorded = Episodes()
        self._recorded_taken = 0
        self._recorded_attempt = 0
        self._looked = float("-inf")
        self._grew: float | None = None
        self._facts: tuple[float, Facts] | None = None
        self._final: RunState | None = None

    def poll(self, max_seconds: float = 0.05) -> bool:
        """Read and judge what is new, for about ``max_seconds``; whether anything changed."""
        now = time.monotonic()
        deadline = now + max_seconds
        changed = self._look(now)
        pending = False
        for name, file in list(self._files.items()):
            read, more = self._read(name, file, deadline)
            changed |= read
            pending |= more
        if changed:
            self._take_recorded()
        if changed or self._judge is None or self._judge.behind:
            changed |= self._run_judge(deadline)
        behind = self._judge is not None and self._judge.behind
        self.caught_up = not pending and not behind
        if self.caught_up and self._hasty:
            self._hasty, self._glance, changed = False, None, True
        if changed:
            self._final = None
        return changed

    def catch_up(self, max_seconds: float = float("inf")) -> bool:
        """Poll until everything is read; False when ``max_seconds`` were not enough."""
        return catch_up(self, max_seconds)

    def state(self, now: float | None = None) -> RunState:
        """The state now; ``now`` is the reader's wall time in unix seconds."""
        if self._final is not None:
            return self._final
        now = time.time() if now is None else now
        self._look_hastily()
        fold = self._fold if self._glance is None else self._fold.with_rank0(self._glance.fold)
        signals = self._recorded.all()
        if self._judge is not None:
            judged = acknowledged(self._judge.signals, self._answered, attempt=self._attempt(), last_step=0)
            signals = (*signals, *judged)
        state = fold.state(
            self._current_facts(),
            self._small.launch,
            self._small.identity,
            now,
            str(self.path),
            pointers=self._small.pointers,
            signals=signals,
            extra_notes=[*self.series.notes, *(note for file in self._files.values() for note in file.notes)],
            extra_bad_lines=sum(file.skipped for file in self._files.values()),
            left=self._commands.said,
        )
        if not state.status.live:
            # Nobody is left to answer: what was asked is what is known.
            known = acknowledged(
                state.signals, self._commands.known, attempt=self._attempt(), last_step=state.step
            )
            state = replace(state, signals=known) if known != state.signals else state
        woken = awake(state.signals, now, state.step)
        if woken != state.signals:
            state = replace(state, signals=woken)
        if self._glance is not None and state.monitor is not None:
            # The best may lie where nobody has looked yet.
            state = replace(state, monitor=replace(state.monitor, best=None, best_step=None))
        elif self.over and all(signal.snoozed_until is None for signal in state.signals):
            # Neither time nor processes change a recorded end; only a snooze ends by itself.
            self._final = state
        return state

    def _look_hastily(self) -> None:
        """Before anything was read: what a glance at rank 0's log and the whole supervisor's tell."""
        if not self._hasty or self._files:
            return
        now = time.monotonic()
        self._look(now)
        if "supervisor" in self._files:
            self._read("supervisor", self._files["supervisor"], now)
            self._take_recorded()
        if "rank0" in self._files:
            self._glance = glance(self.paths.events(), self._attempt())

    @property
    def curves(self) -> SeriesStore:
        """What can be drawn: ``series``, or a coarse picture of the whole run while that is being read."""
        return self.series if self._glance is None else self._glance.series

    @property
    def over(self) -> bool:
        """Whether the newest attempt has a recorded end."""
        return self._fold.ended(self._attempt())

    @property
    def has_library(self) -> bool:
        """Whether the training reads commands: it writes events itself, or its script imports guardrun."""
        return self._fold.speaks or self.launch.get("library") is True

    @property
    def launch(self) -> Mapping[str, Any]:
        """The newest attempts/<n>.json; empty when there is none."""
        return self._small.launch or {}

    @property
    def supervisor_end(self) -> Event | None:
        """How the newest attempt ended, as its supervisor told it; None while it lasts, or without one."""
        return self._fold.supervisor_end(self._attempt())

    @property
    def timeline(self) -> Sequence[tuple[int, Event]]:
        """Rank 0's phases and ends, with the number of its rows before each."""
        return self._timeline

    def told(self, kind: str) -> Sequence[Event]:
        """Rank 0's events of a kind that is neither curve nor progress (run_start, data, seeds, sanity …),
        in order; the first 4,096 of them."""
        return self._told.get(kind, ())

    @property
    def all_told(self) -> Mapping[str, Sequence[Event]]:
        """The same of every kind."""
        return self._told

    @property
    def identity(self) -> Mapping[str, Any]:
        """run.json; empty when there is none."""
        return self._small.identity or {}

    def settings(self) -> EngineSettings:
        """By what the run is judged: its configuration, and the monitor that its training told."""
        settings = settings_of(table(table(self._small.launch).get("config")))
        name, mode = self._fold.monitor_of(self._small.launch) or (settings.monitor, settings.mode)
        return replace(settings, monitor=name, mode=mode)

    @property
    def group(self) -> str | None:
        """The group that the run belongs to."""
        return group_of(self._small.identity)

    @property
    def judged(self) -> bool:
        """Whether it is judged here, for want of a supervisor."""
        return self._judge is not None

    @property
    def total_steps(self) -> float | None:
        """Steps that it shall take, as its training told last; None: not known."""
        return next(filter(None, (real(e.get("total_steps")) for _, e in reversed(self._timeline))), None)

    def evaluations(self, metric: str) -> list[tuple[float, float]]:
        """(step, value) of every evaluation that has this metric."""
        evals = self.series.tables(0).get(EVAL)
        if evals is None or not evals.has(metric):
            return []
        curve = evals.get(metric)
        placed = curve.step >= 0  # False for NaN: a row without a step
        return list(zip(curve.step[placed].tolist(), curve.value[placed].tolist(), strict=True))

    def compare_with(self, siblings: tuple[Sibling, ...]) -> bool:
        """Judge it beside these runs of its group; True when it is judged anew, because there were none."""
        anew = bool(siblings) and not self._siblings
        self._siblings = siblings
        if anew:
            self._judge = self._final = None
        elif self._judge is not None:
            self._judge.compare_with(siblings)
        return anew

    def open_console(self) -> ConsoleWindow:
        """The training's own output, to be read from its end."""
        return ConsoleWindow(self.paths.console)

    def list_saved(self) -> Saved:
        """Every checkpoint folder that lies on the disk now."""
        return list_saved(self.paths)

    @property
    def proofs(self) -> Mapping[tuple[str, str], Event]:
        """(role, path) -> the supervisor's newest proof of that checkpoint."""
        return self._fold.proofs

    def close(self) -> None:
        """Give up what is held in memory; the follower must not be polled again."""
        self._files.clear()
        self.series = SeriesStore()
        self._judge = None

    def _look(self, now: float) -> bool:
        """New files and changed small files, at most once a second."""
        if now - self._looked < _LOOK_S:
            return False
        self._looked = now
        if not self._folders.changed(now):
            return False
        changed = self._small.refresh()
        changed |= self._commands.refresh()
        try:
            names = os.listdir(self.path)
        except OSError:
            names = []
        ranks = sorted((rank, name) for name in names if (rank := rank_of(name)) is not None)
        wanted = {"supervisor": "supervisor.jsonl", **{f"rank{rank}": name for rank, name in ranks}}
        wanted["system"] = "system.jsonl"
        for source, name in wanted.items():
            if source not in self._files and name in names:
                self._files[source] = LogFile(self.path / name)
                changed = True
        return changed

    def _read(self, source: str, file: LogFile, deadline: float) -> tuple[bool, bool]:
        """(something was read, there is more)."""
        changed = False
        while file.changed():
            if changed and time.monotonic() >= deadline:
                return True, True
            batch = file.read()
            if file.restarted:
                self._forget(source)
                changed = True
            if batch is None:
                break
            changed = True
            if self.caught_up:
                self._grew = time.monotonic()
            self._fold.add(source, batch)
            rank = SYSTEM if source == "system" else int(source[4:]) if source.startswith("rank") else None
            if rank == 0:
                self._timeline += [placed for placed in batch.events if placed[1]["kind"] in _TIMELINE]
                self._take_told(batch.events)
            if rank is not None:
                self.series.add(rank, batch, expected=file.expected_rows)
                file.remember(self.series.tables(rank))
            if any(event["kind"] == RUN_END for _, event in batch.events):
                self._facts = None
        return changed, False

    def _take_told(self, events: Iterable[tuple[int, Event]]) -> None:
        for _, event in events:
            if event["kind"] not in _NOT_TOLD:
                kept = self._told.setdefault(event["kind"], [])
                if len(kept) < _MOST_TOLD:
                    kept.append(event)
            number = whole(event.get("attempt"))
            if event["kind"] in _BEGINNINGS and number:
                self._answering = number
            elif event["kind"] == ACK:
                answer = acknowledgement(self._answering, event)
                self._answered += [] if answer is None else [answer]

    def _forget(self, source: str) -> None:
        self._fold.restart(source)
        if source == "supervisor":
            self._recorded, self._recorded_taken, self._recorded_attempt = Episodes(), 0, 0
        elif source == "system":
            self.series.drop(SYSTEM)
        else:
            self.series.drop(int(source[4:]))
            self._judge = None
            if source == "rank0":
                self._timeline, self._answered, self._answering = [], [], 1
                self._told = {}

    def _take_recorded(self) -> None:
        events = self._fold.signal_events
        for attempt, event in events[self._recorded_taken :]:
            self._new_attempt(attempt)
            signal = recorded_signal(event)
            if signal is not None:
                self._recorded.add(signal)
        self._recorded_taken = len(events)
        self._new_attempt(self._fold.attempt)

    def _new_attempt(self, attempt: int) -> None:
        if attempt > self._recorded_attempt:
            if self._recorded_attempt:
                self._recorded.close_all()
            self._recorded_attempt = attempt

    def _run_judge(self, deadline: float) -> bool:
        if not self._judge_wanted or self._fold.supervised:
            self._judge = None
            return False
        settings = self.settings()
        if self._judge is None or self._judge.settings != settings:
            self._judge = RunJudge(self.series, settings, self._timeline)
            self._judge.compare_with(self._siblings)
        return self._judge.run(deadline)

    def _current_facts(self) -> Facts:
        """Facts about processes, at most a second old."""
        now = time.monotonic()
        silent = None if self._grew is None else now - self._grew
        if self._facts is not None and now - self._facts[0] < _LOOK_S:
            facts = self._facts[1]
            return replace(facts, silent_s=silent)
        attempt = self._attempt()
        job = "" if self.over else words(table(self.launch.get("slurm")).get("job_id"))
        facts = gather_facts(self.paths, attempt, self._fold.processes(attempt), silent, job)
        self._facts = (now, facts)
        return facts

    def _attempt(self) -> int:
        launched = whole(table(self._small.launch).get("attempt"))
        return max(self._fold.attempt, launched or 0, 1)
