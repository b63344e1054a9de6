"""What a fleet of runs tells, as snapshots: views of runs that did not change are used again.

Works in the feed's thread. While many runs grow, each is renewed about once a second; those that somebody
sees are renewed at once. What needs numpy is imported here when it is needed: the first frame does not wait
for it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from guardrun.state.model import RunState
from guardtui import formatting
from guardtui.closer import Closer, Follower, series_of
from guardtui.ownership import foreign_owner, runs_elsewhere, unwritable
from guardtui.snapshot import Curves, Detail, RunView, Snapshot, Wants
from guardtui.summaries import Summaries
from guardtui.text import clean

if TYPE_CHECKING:
    from guardrun.series.store import SeriesStore

_CURVES_S: Final = 0.5
"""Between two renewals of curves that go on and on; after a silence they are renewed at once."""
_CURVES_STILL_S: Final = 2.0
"""The same for curves that would move by less than a dot: most of a long run's renewals."""
_DOTS: Final = 120
"""About as many columns of dots has a chart."""
_POLL_S: Final = 0.1
"""Longest time in one poll while history is read: then a first picture is shown."""
_REVIEW_S: Final = 1.0
"""How often the ages of live runs are looked at without a change of their files."""
_REVIEW_SILENT_S: Final = 10.0
"""The same for those that nobody looks at and that were silent for long: their age is told in minutes."""
_REVIEW_ALL_S: Final = 30.0
"""The same for runs that are over."""
_LONG_S: Final = 60.0
_LOOKS_S: Final = 0.01
"""Longest time for renewing what is known of runs in one snapshot; the others are the next one's first."""
_NEW_LOOKS_S: Final = 0.15
"""The same for runs that are listed for the first time."""


class FleetLike(Protocol):
    """What the feed needs of ``guardrun.following.fleet.Fleet``."""

    @property
    def followers(self) -> Mapping[Path, Follower]:
        """Every run that was found."""

    def poll(self, max_seconds: float) -> set[Path]:
        """Read what is new; the runs that changed."""

    def attend(self, paths: Iterable[Path]) -> None:
        """From now on look at these runs often: somebody sees them."""

    def hasten(self, path: Path) -> None:
        """Look at this run soon, and often for a while."""

    def close(self) -> None:
        """Let go of all files."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Of what, and when, the curves of a snapshot were made."""

    store: SeriesStore
    version: int
    rows: int
    at: float

    def is_early(self, now: float) -> bool:
        """Whether it is too soon to make them anew."""
        rows = self.store.rows(0)
        moved = (rows - self.rows) * _DOTS >= rows
        return now - self.at < (_CURVES_S if moved else _CURVES_STILL_S)


class Reader:
    """Turns what a fleet knows into snapshots, reusing the views of runs that did not change."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots = roots
        self._views: dict[Path, RunView] = {}
        self._shown: dict[Path, tuple[Any, ...]] = {}
        self._trends: dict[Path, tuple[int, tuple[float, ...]]] = {}
        self._summaries = Summaries()
        self._metrics: tuple[str, ...] = ()
        self._odd: dict[Path, str] = {}
        self._curves: dict[Path, Curves] = {}
        self._detail: Detail | None = None
        self._closer: Closer | None = None
        self._followers: Mapping[Path, Follower] = {}
        self.loading = True
        """Whether history is still being read."""
        self._problem = ""
        self._drawn: dict[Path, _Drawn] = {}
        self._curves_wait = False
        self._dirty: dict[Path, None] = {}
        """Runs that changed since they were looked at, the longest waiting first."""
        self._reviewed = self._reviewed_silent = self._reviewed_all = 0.0
        self._first = True
        self.listing = True
        """Whether runs that were found are not listed yet, for want of time."""
        self.wants = Wants()
        """What the last picture was asked to hold."""

    @property
    def views(self) -> tuple[RunView, ...]:
        """Every run as it was last seen."""
        return tuple(self._views.values())

    @property
    def pending(self) -> bool:
        """Whether something waits to be shown."""
        return bool(self._dirty) or self._curves_wait or self.listing

    def read(self, fleet: FleetLike, wants: Wants) -> Snapshot | None:
        """Poll once; a snapshot when something that is shown changed."""
        self.poll(fleet, wants)
        return self.picture(fleet, wants)

    def poll(self, fleet: FleetLike, wants: Wants) -> None:
        """Read what is new."""
        fleet.attend((*wants.curves, wants.detail) if wants.detail is not None else wants.curves)
        # The first pictures are what a glance tells; reading comes when every run is listed.
        self._dirty.update(dict.fromkeys(fleet.poll(0.0 if self.listing else _POLL_S)))

    def picture(self, fleet: FleetLike, wants: Wants) -> Snapshot | None:
        """What was read, as a snapshot; None when nothing that is shown changed."""
        others = not self._knows(fleet)
        news = self._first or (others and self._gone(fleet))
        asked = wants.metrics != self._metrics
        self.wants, self._metrics = wants, wants.metrics
        self._dirty.update(dict.fromkeys(fleet.followers if asked else self._due(time.monotonic())))
        news = (others and self._look_at_new(fleet)) or news
        news = self._look_at_changed(fleet, {*wants.curves, wants.detail}) or news
        news = self._draw_curves(fleet, wants) or news
        news = self._look_closer(fleet, wants) or news
        loading = self.listing or not all(follower.caught_up for follower in fleet.followers.values())
        problem = next(iter(self._odd.values()), "")
        if len(self._odd) > 1:
            problem += f", and {len(self._odd) - 1} more"
        if loading == self.loading and not news and problem == self._problem:
            return None
        self._first, self.loading, self._problem = False, loading, problem
        return self._snapshot()

    def _knows(self, fleet: FleetLike) -> bool:
        """Whether exactly these runs are listed already, as at nearly every turn."""
        same = self._followers is fleet.followers and len(self._views) == len(fleet.followers)
        self._followers = fleet.followers
        return same

    def _look_at_new(self, fleet: FleetLike) -> bool:
        """The newest of the runs that were not listed yet; whether there were any."""
        until = time.monotonic() + _NEW_LOOKS_S
        news = self.listing = False
        unlisted = [path for path in reversed([*fleet.followers]) if path not in self._views]
        for number, path in enumerate(unlisted):
            if number and time.monotonic() > until:
                self.listing = True
                break
            news = self._try_look(fleet, path) or news
        if news:
            self._views = {path: self._views[path] for path in fleet.followers if path in self._views}
        return news

    def _look_at_changed(self, fleet: FleetLike, seen: Collection[Path | None]) -> bool:
        """Those that somebody sees, and as many others as there is time for; whether any looks different."""
        until = time.monotonic() + _LOOKS_S
        news = False
        for path in sorted(self._dirty, key=lambda path: path not in seen):
            if path not in seen and time.monotonic() > until:
                break
            del self._dirty[path]
            if path in fleet.followers:
                news = self._try_look(fleet, path) or news
        return news

    def _try_look(self, fleet: FleetLike, path: Path) -> bool:
        try:
            news = self._look(path, fleet.followers[path])
            self._odd.pop(path, None)
        except Exception as error:  # one odd run must not hide the others
            self._odd[path] = f"{clean(path.name)} cannot be read ({_named(error)})"
            return False
        return news

    def _due(self, now: float) -> list[Path]:
        """Runs to be looked at though their files did not change: ages grow, a silent run is judged hung."""
        if now - self._reviewed < _REVIEW_S:
            return []
        self._reviewed = now
        silent = now - self._reviewed_silent >= _REVIEW_SILENT_S
        if silent:
            self._reviewed_silent = now
        everything = now - self._reviewed_all >= _REVIEW_ALL_S
        if everything:
            self._reviewed_all = now
        seen = (*self.wants.curves, self.wants.detail)
        return [
            path
            for path, view in self._views.items()
            if everything
            or (view.state.status.live and (silent or path in seen or (view.age_s or 0.0) < _LONG_S))
        ]

    def failed(self, error: Exception) -> Snapshot | None:
        """The last picture with the reason why it is old; None when that was said already."""
        problem = f"cannot read the runs ({_named(error)}); trying again"
        if problem == self._problem:
            return None
        self._problem, self.loading = problem, False
        return self._snapshot()

    def _snapshot(self) -> Snapshot:
        return Snapshot.of(
            self.views, curves=self._curves, detail=self._detail, loading=self.loading,
            problem=self._problem, roots=self._roots,
        )  # fmt: skip

    def _gone(self, fleet: FleetLike) -> bool:
        for path in [path for path in self._odd if path not in fleet.followers]:
            del self._odd[path]
        missing = [path for path in self._views if path not in fleet.followers]
        for path in missing:
            del self._views[path], self._shown[path]
            for kept in (self._trends, self._drawn, self._dirty):
                kept.pop(path, None)
            self._summaries.forget(path)
        return bool(missing)

    def _look(self, path: Path, follower: Follower) -> bool:
        """Update one run's view; whether anything of it that is shown changed."""
        wall = time.time()
        state = follower.state(wall)
        age = state.silent_s
        if state.last_event_t is not None and (age is None or not state.status.live):
            age = max(0.0, wall - state.last_event_t)
        shown = (*_what_is_shown(state, age, follower.curves.version), self._metrics)
        if self._shown.get(path) == shown:
            return False
        before = self._views.get(path)
        self._shown[path] = shown
        self._views[path] = RunView(
            path, state, self._trend(path, follower, state), age,
            owner=before.owner if before else foreign_owner(path), elsewhere=runs_elsewhere(state),
            unwritable=before.unwritable if before else unwritable(path),
            gpu=self._summaries.gpu(path, follower.series) if state.status.live else None,
            numbers=self._summaries.numbers(path, follower.series, self._metrics),
        )  # fmt: skip
        return True

    def _trend(self, path: Path, follower: Follower, state: RunState) -> tuple[float, ...]:
        name = state.monitor.name if state.monitor else "train/loss"
        series = follower.curves.get(name)
        if not len(series) and state.monitor:
            series = follower.curves.get("train/loss")
        from guardtui.viewmodel.condense import condensed

        kept = self._trends.get(path)
        if kept is None or kept[0] != len(series):
            kept = self._trends[path] = (len(series), condensed(series.value))
        return kept[1]

    def _draw_curves(self, fleet: FleetLike, wants: Wants) -> bool:
        """Keep the curves of the wanted runs; whether any changed. Snapshots hold on to the old mapping."""
        kept: dict[Path, Curves] = {}
        self._curves_wait = False
        clock = time.monotonic()
        for path in wants.curves:
            follower = fleet.followers.get(path)
            if follower is None:
                continue
            old, store = self._curves.get(path), follower.curves
            before = self._drawn.get(path)
            if before is not None and before.store is not store:
                before = None
            if old and before and store.version == before.version:
                kept[path] = old
            elif old and before and not self.loading and before.is_early(clock):
                kept[path], self._curves_wait = old, True
            else:
                kept[path] = _curves_of(path, store)
                self._drawn[path] = _Drawn(store, store.version, store.rows(0), clock)
        if list(kept.values()) == list(self._curves.values()):
            return False
        self._curves = kept
        return True

    def _look_closer(self, fleet: FleetLike, wants: Wants) -> bool:
        """Keep the details of the run that is looked at; whether they changed."""
        old = self._detail
        follower = fleet.followers.get(wants.detail) if wants.detail is not None else None
        if wants.detail is None or follower is None:
            self._detail = self._closer = None
            return old is not None
        if self._closer is None or self._closer.follower is not follower:
            self._closer = Closer(wants.detail, follower)
        self._detail = self._closer.look(wants)
        return self._detail is not old


def _curves_of(path: Path, store: SeriesStore) -> Curves:
    from guardrun.series.store import SYSTEM

    series = series_of(store, SYSTEM)
    series.update(series_of(store, 0))
    return Curves(path, series, store.version)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {clean(error)}"


def _what_is_shown(state: RunState, age: float | None, version: int) -> tuple[Any, ...]:
    """All of a run that a screen may show, with its age as coarse as it is shown."""
    return (
        version, state.status, state.reason, state.attempt, state.step, state.epoch, state.total_steps,
        state.total_epochs, state.phase, state.monitor, state.best, state.last, state.signals, state.stop,
        state.stop_offer, state.can_save, state.supervised, state.notes, state.bad_lines, state.name,
        state.saves, state.tags, state.remarks,
        formatting.age(age), formatting.duration(state.eta_s),
    )  # fmt: skip
