"""Events of all files of a run, folded into its state. Pure: no file, no clock, no process."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from guardrun.events.schema import Event, is_foreign
from guardrun.reading.columns import Batch
from guardrun.state.model import (
    Attempt,
    CheckpointRef,
    Facts,
    Monitor,
    RunState,
    Status,
    StopStage,
)
from guardrun.state.progress import eta_seconds, planned_steps
from guardrun.state.remarks import said_by_people
from guardrun.state.source import AttemptDraft, SourceFold
from guardrun.state.spans import Spans, seconds_of, spans_of
from guardrun.state.status import Evidence, Verdict, derive_status, hung_least
from guardrun.state.stop_stages import offered_rung, stages_of
from guardrun.state.values import real, table, whole, words

SUPERVISOR: Final = "supervisor"
SYSTEM: Final = "system"
_HOUR: Final = 3600.0
LOST_END: Final = (
    "the log lacks the training's end: its last events are missing "
    "(was the disk full? or the script left without closing its run)"
)
_SPEAKS_WITHIN_S: Final = 30.0
"""A command that has written no event for so long after its launch does not use the library."""


class RunFold:
    """Takes batches of any file in any order between files; tells the state at any moment.

    Sources are named ``rank0``, ``rank1`` ..., ``supervisor`` and ``system``. Nothing raises, whatever the
    events hold: values of the wrong type are as if they were not there.
    """

    def __init__(self) -> None:
        self._sources: dict[str, SourceFold] = {}

    def add(self, source: str, batch: Batch) -> None:
        """Take one more batch of that file."""
        self._sources.setdefault(source, SourceFold()).add(batch)

    def restart(self, source: str) -> None:
        """The file was replaced or truncated: what it told is forgotten."""
        self._sources.pop(source, None)

    def with_rank0(self, source: SourceFold) -> RunFold:
        """The same run, if this were what rank 0 told."""
        other = RunFold()
        other._sources = {**self._sources, "rank0": source}
        return other

    @property
    def supervised(self) -> bool:
        """Whether a supervisor ever wrote for this run."""
        source = self._sources.get(SUPERVISOR)
        return source is not None and bool(source.header or source.start or source.attempts)

    @property
    def speaks(self) -> bool:
        """Whether the training writes events itself, and so reads commands too."""
        header = self._rank0().header
        return bool(header) and not is_foreign(header)

    @property
    def attempt(self) -> int:
        """The newest attempt that any file tells of; 0 before the first event."""
        return max((source.attempt for source in self._sources.values()), default=0)

    def ended(self, attempt: int) -> bool:
        """Whether the training or the supervisor recorded an end of that attempt."""
        sources = (self._rank0(), self._sources.get(SUPERVISOR, _EMPTY))
        return any(source.attempts.get(attempt, _NO_ATTEMPT).end is not None for source in sources)

    def supervisor_end(self, attempt: int) -> Event | None:
        """The end of that attempt as its supervisor told it."""
        return self._sources.get(SUPERVISOR, _EMPTY).attempts.get(attempt, _NO_ATTEMPT).end

    @property
    def signal_events(self) -> list[tuple[int, Event]]:
        """(attempt, event) of every recorded signal transition, in order."""
        source = self._sources.get(SUPERVISOR)
        return source.signals if source is not None else []

    @property
    def proofs(self) -> Mapping[tuple[str, str], Event]:
        """(role, path) -> the supervisor's newest proof of that checkpoint."""
        return self._sources.get(SUPERVISOR, _EMPTY).proofs

    def monitor_of(self, launch: Mapping[str, Any] | None) -> tuple[str, str] | None:
        """Name and mode of the metric that decides: as the training told, else as launched."""
        start = self._rank0().start
        name, mode = words(start.get("monitor")), start.get("mode")
        if not name:
            told = table(table(table(launch or {}).get("config")).get("monitor"))
            name, mode = words(told.get("metric")), told.get("mode")
        return (name, "max" if mode == "max" else "min") if name else None

    def processes(self, attempt: int) -> list[Mapping[str, Any]]:
        """Where the training's process of that attempt was said to be: host, boot_id, pid, pid_start."""
        found = []
        supervisor = self._sources.get(SUPERVISOR, _EMPTY)
        if supervisor.attempt == attempt and "pid_start" in supervisor.start:
            here = {key: supervisor.header.get(key) for key in ("host", "boot_id")}
            found.append({**here, **{key: supervisor.start.get(key) for key in ("pid", "pid_start")}})
        if self._rank0().attempt == attempt:
            found.append(self._rank0().header)
        return [facts for facts in found if facts.get("boot_id") and whole(facts.get("pid"))]

    def state(
        self,
        facts: Facts,
        launch: Mapping[str, Any] | None,
        identity: Mapping[str, Any] | None,
        now: float,
        path: str,
        *,
        pointers: Mapping[str, Mapping[str, Any]] | None = None,
        signals: tuple[Any, ...] = (),
        extra_notes: Iterable[str] = (),
        extra_bad_lines: int = 0,
        left: Iterable[Event] = (),
    ) -> RunState:
        """The run's state now (``now``: the reader's unix seconds).

        ``launch`` is the newest attempts/<n>.json, ``identity`` run.json, ``pointers`` the contents of
        best.json and last.json by role; each may be None or garbage. ``left`` are people's commands that
        may still lie there: those that nobody is left to answer count as they are.
        """
        launch, identity = table(launch), table(identity)
        rank0, supervisor = self._rank0(), self._sources.get(SUPERVISOR, _EMPTY)
        attempt = max(self.attempt, whole(launch.get("attempt")) or 0, 1)
        current = rank0 if rank0.attempt in (attempt, 0) else _EMPTY
        watcher = supervisor if supervisor.attempt in (attempt, 0) else _EMPTY
        stages = stages_of(watcher, current)
        verdict = self._verdict(facts, launch, identity, now, attempt, current, watcher, stages, signals)
        live = verdict.status.live
        deserted = live and self.supervised and facts.supervisor == "dead"
        unanswered = [each for each in left if not live or (whole(each.get("attempt")) or 0) < attempt]
        recorded = [each for source in self._sources.values() for each in source.said.values()]
        tags, remarks = said_by_people([*unanswered, *recorded])
        spans = spans_of(self._sources)
        told = (*((_DESERTED,) if deserted else ()), *_lost_end(verdict, current, attempt), *self._notes())
        return RunState(
            **self._origin(launch, identity, path),
            **self._progress(attempt, live),
            **self._means(launch, spans),
            status=verdict.status,
            reason=verdict.reason,
            exit_code=verdict.exit_code,
            error=verdict.error,
            attempt=attempt,
            attempts=self._attempts(spans),
            phase=current.phase,
            monitor=self._monitor(launch),
            best=self._checkpoint("best", pointers),
            last=self._checkpoint("last", pointers),
            signals=signals,
            stop=stages,
            stop_offer=offered_rung(stages) if live else "",
            can_save=current.can_save is not False and self._may_have_library(launch, math.inf),
            supervised=self.supervised and not deserted,
            deserted=deserted,
            last_event_t=self._last_t(facts),
            last_steady_t=self._steady_last_t(),
            silent_s=facts.silent_s,
            bad_lines=sum(source.bad_lines for source in self._sources.values()) + extra_bad_lines,
            dropped_events=sum(source.dropped for source in self._sources.values()),
            notes=tuple(dict.fromkeys((*told, *extra_notes))),
            seeds=dict(rank0.seeds),
            data=tuple(rank0.data.values()),
            saves=tuple(current.saves),
            tags=tags,
            remarks=remarks,
            job={**table(launch.get("slurm")), **table(watcher.start.get("slurm"))},
        )

    def _origin(self, launch: Mapping[str, Any], identity: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Who the run is, and what it came from."""
        folder = path.rstrip("/").rpartition("/")[2]
        return {
            "run_id": words(identity.get("id")) or folder,
            "name": words(identity.get("name")) or folder,
            "path": path,
            "group": words(identity.get("group")) or None,
            "created": real(identity.get("created")),
            "config": table(launch.get("config")),
            "git": table(launch.get("git")),
            "command": _command(launch, self._sources.get(SUPERVISOR, _EMPTY)),
        }

    def _progress(self, attempt: int, live: bool) -> dict[str, Any]:
        """How far it is, how fast, how long it will take."""
        rank0 = self._rank0()
        totals = {**self._sources.get(SUPERVISOR, _EMPTY).totals, **rank0.totals}
        per_epoch, epochs = totals.get("steps_per_epoch"), totals.get("total_epochs")
        total_steps = planned_steps(totals.get("total_steps"), epochs, per_epoch)
        step = self._step(rank0, attempt)
        rate = rank0.rows.recent.step_rate if rank0.rows.attempt == attempt else None
        return {
            "step": step,
            "total_steps": total_steps,
            "epoch": rank0.rows.epoch if rank0.rows.epoch is not None else rank0.epoch,
            "total_epochs": epochs,
            "steps_per_epoch": per_epoch,
            "step_rate": rate,
            "eta_s": eta_seconds(step, total_steps, rate) if live else None,
        }

    def _means(self, launch: Mapping[str, Any], spans: Spans) -> dict[str, Any]:
        """Where it runs, on what, and what that costs."""
        rank0, supervisor = self._rank0(), self._sources.get(SUPERVISOR, _EMPTY)
        elapsed = seconds_of(spans)
        cost, currency = self._cost(elapsed, launch)
        hosts = (rank0.header.get("host"), launch.get("host"), supervisor.header.get("host"))
        return {
            "host": next((words(host) for host in hosts if words(host)), ""),
            "ranks": max(self._ranks(), whole(rank0.header.get("world_size")) or 1),
            "elapsed_s": elapsed,
            "cost": cost,
            "currency": currency,
            "gpu_note": words(self._sources.get(SYSTEM, _EMPTY).header.get("gpu_note")),
            "env": {**table(launch.get("environment")), **rank0.env},
        }

    def _rank0(self) -> SourceFold:
        return self._sources.get("rank0", _EMPTY)

    def _verdict(
        self, facts: Facts, launch: Mapping[str, Any], identity: Mapping[str, Any], now: float, attempt: int,
        current: SourceFold, watcher: SourceFold, stages: tuple[StopStage, ...], signals: tuple[Any, ...],
    ) -> Verdict:  # fmt: skip
        newest = [real(launch.get("created")) or real(identity.get("created")), self._last_t(facts)]
        known = [t for t in newest if t is not None]
        over = {stage.stage for stage in stages}
        evidence = Evidence(
            training_end=current.attempts.get(attempt, _NO_ATTEMPT).end,
            supervisor_end=watcher.attempts.get(attempt, _NO_ATTEMPT).end,
            stopping=bool(stages) and "gone" not in over,
            phase=current.phase,
            stepped=current.rows.attempt == attempt,
            supervised=self.supervised,
            library=self._may_have_library(launch, now - min(known, default=now)),
            slow_step_s=current.rows.recent.slow_step_s,
            last_event_t=max(known) if known else None,
            training_t=self._rank0().newest_t(facts.boot, facts.booted),
            hang=any(s.id == "hang" and s.recorded and s.cleared_at is None for s in signals),
            hung_least_s=hung_least(table(launch.get("config"))),
            submitted=launch.get("scheduler") is not None and self.attempt < attempt,
        )
        return derive_status(evidence, facts, now)

    def _may_have_library(self, launch: Mapping[str, Any], seconds: float) -> bool:
        """Whether the training uses the library, as far as can be told so many seconds after its launch."""
        if self.speaks or "library" not in launch:
            return True
        told = launch["library"]
        return told is True or (told is not False and seconds < _SPEAKS_WITHIN_S)

    def _step(self, rank0: SourceFold, attempt: int) -> int:
        told = [rank0.step] if rank0.attempt == attempt else []
        if rank0.rows.attempt == attempt:
            told.append(rank0.rows.step)
        if not told:
            # The new attempt has said nothing yet: where the former one stood.
            told = [rank0.step, rank0.rows.step]
        return max((step for step in told if step is not None), default=0)

    def _last_t(self, facts: Facts) -> float | None:
        told = (source.newest_t(facts.boot, facts.booted) for source in self._sources.values())
        return max((t for t in told if t is not None), default=None)

    def _steady_last_t(self) -> float | None:
        return max((s.last_t for s in self._sources.values() if s.last_t is not None), default=None)

    def _ranks(self) -> int:
        return sum(name.startswith("rank") for name in self._sources) or 1

    def _attempts(self, spans: Spans) -> tuple[Attempt, ...]:
        made = []
        for number, (started, ended) in sorted(spans.items()):
            rank0 = self._rank0().attempts.get(number, _NO_ATTEMPT)
            watcher = self._sources.get(SUPERVISOR, _EMPTY).attempts.get(number, _NO_ATTEMPT)
            if not number or not math.isfinite(started):
                continue
            end = watcher.end or rank0.end
            reason = words((rank0.end or {}).get("reason")) or words((end or {}).get("reason"))
            status = words(end.get("status")) if end is not None else None
            over = ended if end is not None else None
            made.append(Attempt(number, started, rank0.from_step, over, status, reason))
        return tuple(made)

    def _cost(self, elapsed: float | None, launch: Mapping[str, Any]) -> tuple[float | None, str]:
        start = self._sources.get(SUPERVISOR, _EMPTY).start
        settings = table(table(launch.get("config")).get("cost"))
        per_hour = real(start.get("cost_per_hour"))
        if per_hour is None:
            per_hour = real(settings.get("per_hour"))
        currency = words(start.get("currency")) or words(settings.get("currency")) or "EUR"
        if per_hour is None or elapsed is None:
            return None, currency
        return elapsed / _HOUR * per_hour, currency

    def _monitor(self, launch: Mapping[str, Any]) -> Monitor | None:
        told = self.monitor_of(launch)
        if told is None:
            return None
        name, mode = told
        found = self._rank0().rows.metrics.get(name)
        if found is None:
            return Monitor(name, "max" if mode == "max" else "min")
        best, step = (found.high, found.high_step) if mode == "max" else (found.low, found.low_step)
        return Monitor(
            name, "max" if mode == "max" else "min", found.last,
            best if math.isfinite(best) else None, whole(step),
        )  # fmt: skip

    def _checkpoint(
        self, role: str, pointers: Mapping[str, Mapping[str, Any]] | None
    ) -> CheckpointRef | None:
        ref = self._rank0().checkpoints.get(role)
        pointer = table(table(pointers or {}).get(role))
        folder = words(pointer.get("folder"))
        if folder and (ref is None or ref.path != f"checkpoints/{folder}"):
            # The pointer on disk is the truth; the event about it may have been lost with the process.
            seal = words(pointer.get("meta_sha256"))
            ref = self._rank0().written.get(f"checkpoints/{folder}")
            if ref is None or ref.sha256 != seal:
                ref = CheckpointRef(
                    f"checkpoints/{folder}", whole(pointer.get("step")) or 0, real(pointer.get("metric")),
                    seal, None,
                )  # fmt: skip
        if ref is None:
            return None
        if pointer.get("gone") is True:
            return replace(ref, verified=False, problem="its folder is gone")
        proofs = self._sources.get(SUPERVISOR, _EMPTY).proofs
        proof = proofs.get((role, ref.path))
        if proof is None or not isinstance(proof.get("verified"), bool):
            return ref
        return replace(ref, verified=proof["verified"], problem=words(proof.get("problem")))

    def _notes(self) -> list[str]:
        return [note for source in self._sources.values() for note in source.notes]


def _lost_end(verdict: Verdict, training: SourceFold, attempt: int) -> tuple[str, ...]:
    """Only the supervisor saw a run finish whose training had written events: then some are missing."""
    told = training.attempts.get(attempt, _NO_ATTEMPT)
    lost = verdict.status is Status.FINISHED and bool(training.header) and told.end is None
    return (LOST_END,) if lost else ()


def _command(launch: Mapping[str, Any], supervisor: SourceFold) -> tuple[str, ...]:
    told = launch.get("command") or supervisor.start.get("command")
    if isinstance(told, str):
        return (told,)
    return tuple(str(part) for part in told) if isinstance(told, list) else ()


_DESERTED: Final = (
    "its supervisor is gone and the training goes on: nothing acts by itself until guard run --attach "
    "supervises it again"
)
_EMPTY: Final = SourceFold()
_NO_ATTEMPT: Final = AttemptDraft()
