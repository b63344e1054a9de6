"""What the feed hands to the screens: frozen, complete, and free of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guardrun.events.schema import Event
from guardrun.state.model import RunState

if TYPE_CHECKING:
    from guardrun.following.saved import Saved
    from guardrun.series.store import Series


@dataclass(frozen=True, slots=True)
class Gpu:
    """The newest sample of all GPUs of a run's host."""

    count: int
    memory_bytes: float | None
    """Used, of all of them together."""
    total_bytes: float | None
    utilization: float | None
    """Percent, their mean."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """One metric in few numbers; None where no finite value was logged."""

    last: float | None = None
    """May be NaN or infinite: it was logged."""
    least: float | None = None
    most: float | None = None
    mode: str = ""
    """``min`` or ``max``: which is better, where the name tells."""


@dataclass(frozen=True, slots=True, eq=False)
class RunView:
    """One run at one moment."""

    path: Path
    state: RunState
    trend: tuple[float, ...] = ()
    """Values of the monitored metric (or the training loss), at most some hundred, for a sparkline."""
    age_s: float | None = None
    """Seconds since the last event, by the best clock there is."""
    owner: str = ""
    """The user whose run this is, when it is not ours; else ""."""
    elsewhere: bool = False
    """Whether the training runs on another host."""
    unwritable: str = ""
    """Why nothing can be written into its folder, although it is ours; else ""."""
    gpu: Gpu | None = None
    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    """Of the metrics that were wanted, by name."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What a screen needs beside the list of runs; the feed reads nothing that nobody looks at."""

    curves: tuple[Path, ...] = ()
    """Runs whose series are drawn, the most urgent first."""
    detail: Path | None = None
    """The run of which more is shown than curves: its output, its ranks, what its training told."""
    console: int = 200
    """Lines of its output, counted from the end."""
    metrics: tuple[str, ...] = ()
    """Names (with ``*``, in lower case) of metrics that are wanted in few numbers of every run."""
    saved: bool = False
    """Whether the list of its checkpoints on the disk is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The series of one run: rank 0 and the machine."""

    path: Path
    series: Mapping[str, Series]
    version: int


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """What else the files of one run tell."""

    path: Path
    version: int
    console: tuple[str, ...] = ()
    console_first: int = 0
    """The number of the first line; a line keeps its number while lines come before and after it."""
    console_complete: bool = True
    """Whether the first line is the output's first."""
    ranks: Mapping[int, Mapping[str, Series]] = field(default_factory=dict)
    """Series by rank, rank 0 included; one entry when there is one process."""
    told: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    """Rank 0's events by kind: settings, data, split, sanity, checkpoint …"""
    launch: Mapping[str, Any] = field(default_factory=dict)
    """The newest attempts/<n>.json: configuration and where each value comes from, git, packages."""
    proofs: Mapping[tuple[str, str], Event] = field(default_factory=dict)
    """(role, path) -> the supervisor's newest proof of that checkpoint."""
    saved: Saved | None = None
    """The checkpoints on the disk; None when they were not wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Everything the dashboard shows."""

    runs: tuple[RunView, ...] = ()
    curves: Mapping[Path, Curves] = field(default_factory=dict)
    """Of the runs that were wanted, as far as they are read."""
    detail: Detail | None = None
    loading: bool = True
    """Whether history is still being read."""
    problem: str = ""
    """Why the picture may be old: the feed's own fault, in one line; "" when all is well."""
    roots: tuple[str, ...] = ()
    """Where runs are looked for."""
    by_path: Mapping[Path, RunView] = field(default_factory=dict)

    @staticmethod
    def of(
        runs: tuple[RunView, ...],
        *,
        curves: Mapping[Path, Curves] | None = None,
        detail: Detail | None = None,
        loading: bool = False,
        problem: str = "",
        roots: tuple[str, ...] = (),
    ) -> Snapshot:
        """A snapshot with its index."""
        by_path = {run.path: run for run in runs}
        return Snapshot(runs, curves or {}, detail, loading, problem, roots, by_path)
