"""Judge a run directory or a log of another tool from its first row to its last, as a live run is judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from guardrun.errors import UserError
from guardrun.events.schema import PHASE, RUN_END, Event
from guardrun.following.group_curves import siblings_of
from guardrun.following.hindsight import Later, Work, deciding_metric, later
from guardrun.following.judging import RunJudge
from guardrun.following.run_follower import RunFollower
from guardrun.reading.columns import ColumnReader
from guardrun.reading.foreign import ForeignLog, ForeignRow, event_lines, read_foreign
from guardrun.series.store import SeriesStore
from guardrun.signals.context import EngineSettings
from guardrun.signals.model import SEVERITY_ORDER, Action, Signal
from guardrun.signals.siblings import Sibling

OWN_FORMAT: Final = "guard run"
VerdictWord = Literal["ok", "watch", "stop", "abort"]
_ENDING: Final = ("stop", "abort")
_TIMELINE: Final = frozenset((PHASE, RUN_END))
_BYTES: Final = 1024 * 1024
_WATCHED: Final = SEVERITY_ORDER["warn"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the person who asks wants otherwise than the log says."""

    monitor: str | None = None
    mode: str | None = None
    policy: Mapping[str, Action] | None = None
    train_loss: Literal["running", "evaluated"] | None = None
    mapping: Mapping[str, str] | None = None

    def over(self, settings: EngineSettings) -> EngineSettings:
        """The settings with these choices over them."""
        monitor = settings.monitor if self.monitor is None else self.monitor
        mode = settings.mode if self.mode is None else self.mode
        return replace(
            settings, monitor=monitor, mode=mode, policy={**settings.policy, **(self.policy or {})}
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One curve set to judge, whole in memory."""

    source: Path
    name: str
    format: str
    store: SeriesStore
    settings: EngineSettings
    events: Sequence[tuple[int, Event]]
    train_loss: Literal["running", "evaluated"]
    notes: tuple[str, ...] = ()
    siblings: tuple[Sibling, ...] = ()
    """The other runs of its group."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The first thing that the policy would have done by itself."""

    id: str
    action: Literal["stop", "abort"]
    step: int
    only_observed: bool
    """The policy only observes this signal: nothing would have happened; the default would have acted."""
    saved_fraction: float
    """Share of the log's steps that came after it."""
    saved_seconds: float | None
    later: Later


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of judging one log."""

    case: Case
    steps: int
    evaluations: int
    seconds: float | None
    verdict: VerdictWord
    signals: tuple[Signal, ...]
    """Every episode, oldest first; ``recorded`` is False: they were judged now."""
    stop: Stop | None

    @property
    def saved_fraction(self) -> float | None:
        """Share of the steps that would have been saved; None when nothing would have stopped the run."""
        return None if self.stop is None or self.stop.only_observed else self.stop.saved_fraction

    @property
    def standing(self) -> tuple[Signal, ...]:
        """Signals that hold at the end of the log."""
        return tuple(signal for signal in self.signals if signal.cleared_at is None)


def run_case(path: Path, choices: Choices) -> Case:
    """A run directory, with its own policy, limits and monitor."""
    if choices.mapping or choices.train_loss:
        option = "--map" if choices.mapping else "--train-loss"
        raise UserError(
            f"{path} is a run directory: its events name their metrics themselves, {option} does not apply"
        )
    follower = RunFollower(path, judge=False)
    follower.catch_up()
    state = follower.state()
    notes = [*state.notes]
    if state.bad_lines:
        notes.append(f"{state.bad_lines:,} lines could not be read and were left out")
    tables = follower.series.tables(0)
    evaluated = "eval" in tables and tables["eval"].has("train/loss")
    settings = choices.over(follower.settings())
    _check_monitor(choices, follower.series, path)
    return Case(
        source=path, name=state.name or path.name, format=OWN_FORMAT, store=follower.series,
        settings=settings, events=_with_the_end(follower), train_loss="evaluated" if evaluated else "running",
        notes=tuple(notes), siblings=siblings_of(path, settings.monitor, settings.mode),
    )  # fmt: skip


def _with_the_end(follower: RunFollower) -> list[tuple[int, Event]]:
    """Rank 0's phases and ends, and last what only the supervisor knew: exit code, kernel, last output."""
    events = [*follower.timeline]
    end = follower.supervisor_end
    if end is not None:
        told = "\n".join(str(end[key]) for key in ("error", "last_words") if end.get(key))
        events.append((follower.series.rows(0), {**end, "error": told}))
    return events


def foreign_cases(path: Path, choices: Choices) -> Iterator[Case]:
    """Every log below a path, one after the other. Raises UserError when there is none that can be read."""
    for log in read_foreign(path, choices.mapping):
        yield _foreign_case(log, choices)


def judge_case(case: Case) -> Verdict:
    """Judge a log to its end and look back from there."""
    judge = RunJudge(case.store, case.settings, case.events, machine=case.format == OWN_FORMAT)
    judge.compare_with(case.siblings)
    ends: dict[int, tuple[int, Signal]] = {}
    more = True
    while more:
        more = judge.behind
        judge.run(0.0)
        for number, signal in enumerate(judge.signals):
            if number not in ends and _ending(signal):
                ends[number] = (judge.attempt, signal)
    signals, work = judge.signals, Work(case.store)
    stop = _stop(case, work, ends.values())
    tables = case.store.tables(0)
    return Verdict(
        case=case, steps=work.steps, evaluations=tables["eval"].size if "eval" in tables else 0,
        seconds=work.seconds, verdict=_word(signals, stop), signals=signals, stop=stop,
    )  # fmt: skip


def _ending(signal: Signal) -> bool:
    return signal.action in _ENDING or signal.would_do in _ENDING


def _word(signals: Iterable[Signal], stop: Stop | None) -> VerdictWord:
    if stop is not None and not stop.only_observed:
        return stop.action
    for signal in signals:
        if signal.cleared_at is None and SEVERITY_ORDER[signal.severity] >= _WATCHED:
            return "watch"
    return "ok"


def _stop(case: Case, work: Work, ends: Iterable[tuple[int, Signal]]) -> Stop | None:
    """The first that acts; without one, the first that would have acted by the default policy."""
    found = sorted(
        ends,
        key=lambda each: (
            each[1].action not in _ENDING, each[0], each[1].raised_at, each[1].action != "abort"
        ),
    )  # fmt: skip
    if not found:
        return None
    attempt, signal = found[0]
    place = work.place(attempt, signal.raised_at)
    observed = signal.action not in _ENDING
    metric, mode = deciding_metric(case.store, case.settings.monitor, case.settings.mode)
    return Stop(
        id=signal.id,
        action="abort" if (signal.would_do if observed else signal.action) == "abort" else "stop",
        step=signal.raised_at,
        only_observed=observed,
        saved_fraction=0.0 if place is None else work.saved_fraction(place),
        saved_seconds=None if place is None else work.saved_seconds(place),
        later=later(case.store, metric, mode, attempt=attempt, step=signal.raised_at),
    )


def _foreign_case(log: ForeignLog, choices: Choices) -> Case:
    told = log.train_loss
    if choices.train_loss is not None and choices.train_loss != told:
        log = replace(log, rows=list(_told_as(log.rows, choices.train_loss)), train_loss=choices.train_loss)
    store, reader = SeriesStore(), ColumnReader()
    events: list[tuple[int, Event]] = []
    for piece in _pieces(event_lines(log)):
        batch = reader.read(piece)
        store.add(0, batch)
        events += [placed for placed in batch.events if placed[1]["kind"] in _TIMELINE]
    settings = EngineSettings(
        monitor=log.monitor, mode=log.mode, total_steps=log.total_steps, total_epochs=log.total_epochs
    )
    _check_monitor(choices, store, log.source)
    return Case(
        source=log.source, name=log.name, format=log.format, store=store, settings=choices.over(settings),
        events=events, train_loss=log.train_loss, notes=log.notes,
    )  # fmt: skip


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _told_as(rows: Iterable[ForeignRow], kind: Literal["running", "evaluated"]) -> Iterator[ForeignRow]:
    """The rows with the training loss where its kind belongs: beside the evaluation, or among the steps."""
    to: Literal["metrics", "eval"] = "eval" if kind == "evaluated" else "metrics"
    for row in rows:
        if row.kind == to or "train/loss" not in row.values:
            yield row
            continue
        rest = {name: value for name, value in row.values.items() if name != "train/loss"}
        moved = row._replace(kind=to, values={"train/loss": row.values["train/loss"]})
        yield moved
        if rest:
            yield row._replace(values=rest)


def _check_monitor(choices: Choices, store: SeriesStore, source: Path) -> None:
    names = store.names()
    if choices.monitor is None or choices.monitor in names or not names:
        return
    known = sorted(names, key=lambda name: (not name.startswith("val/"), name))
    more = f" and {len(known) - 8} more" if len(known) > 8 else ""
    raise UserError(
        f"{source} has no metric {choices.monitor!r}", hint=f"its metrics: {', '.join(known[:8])}{more}"
    )
