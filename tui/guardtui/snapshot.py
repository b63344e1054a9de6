"""What the feed hands to the screens: frozen, complete, and free of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from guardrun.state.model import RunState

if TYPE_CHECKING:
    from guardrun.series.store import Series


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


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The series of the run that is being looked at, and the end of its console."""

    path: Path
    series: Mapping[str, Series]
    version: int
    console: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Everything the dashboard shows."""

    runs: tuple[RunView, ...] = ()
    curves: Curves | None = None
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
        curves: Curves | None = None,
        loading: bool = False,
        problem: str = "",
        roots: tuple[str, ...] = (),
    ) -> Snapshot:
        """A snapshot with its index."""
        return Snapshot(runs, curves, loading, problem, roots, {run.path: run for run in runs})
