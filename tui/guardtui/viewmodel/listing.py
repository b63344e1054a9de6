"""What the list of runs shows: filtered, ordered, grouped, with pinned runs on top and hidden ones away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from guardrun.state.model import Status
from guardtui.snapshot import RunView
from guardtui.viewmodel.faces import worst_severity
from guardtui.viewmodel.filter_facts import Facts
from guardtui.viewmodel.filtering import Filter
from guardtui.viewmodel.grouping import Group, grouped
from guardtui.viewmodel.ordering import Sorter
from guardtui.viewmodel.remembered import Remembered, too_many

Row: TypeAlias = RunView | Group


def _alarm(view: RunView) -> str:
    """ "" for a run that is over; "live", with "calling" and "hung" where that is so."""
    status = view.state.status
    if not status.live:
        return ""
    calling = " calling" if worst_severity(view.state) == 3 else ""
    return "live" + calling + (" hung" if status is Status.HUNG else "")


@dataclass(frozen=True, slots=True)
class Wish:
    """How the list is to be shown."""

    order: str = "signal"
    reverse: bool = False
    by: str = ""
    sought: Filter = field(default_factory=Filter)
    pins: frozenset[str] = frozenset()
    """Ids of runs that stay on top."""
    hidden: frozenset[str] = frozenset()
    show_hidden: bool = False
    closed: frozenset[tuple[str, str]] = frozenset()
    """Groups that show their head alone."""

    @property
    def grouping(self) -> str:
        """A key typed into the filter comes before the key that was pressed."""
        return self.sought.by or self.by


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows, and what is not among them."""

    rows: tuple[Row, ...] = ()
    runs: tuple[RunView, ...] = ()
    """Those that match, in closed groups too."""
    hidden: int = 0
    """Runs that match and are hidden now."""
    live: int = 0
    calling: int = 0
    """Live ones with a severe signal that nobody acknowledged."""
    hung: int = 0
    """These three of all runs, listed or not."""


class Lister:
    """Makes the rows; what it made of a run it makes anew only when the run changed."""

    def __init__(self) -> None:
        self._sorter = Sorter()
        self._alarms = Remembered(_alarm)
        self._facts = Remembered(self._prepared)
        self._configs: dict[Path, Facts] = {}
        self._sought = Filter()
        self._matches = Remembered(lambda view: self._sought.matches(self._facts.of(view)))

    def listed(self, views: Sequence[RunView], wish: Wish) -> Listed:
        """The rows for these runs."""
        matching = self.matching(views, wish.sought)
        away = [view for view in matching if view.state.run_id in wish.hidden] if wish.hidden else []
        if away and not wish.show_hidden:
            matching = [view for view in matching if view.state.run_id not in wish.hidden]
        ordered = self._sorter.arranged(matching, wish.order, reverse=wish.reverse)
        top = [view for view in ordered if view.state.run_id in wish.pins] if wish.pins else []
        rest = [view for view in ordered if view.state.run_id not in wish.pins] if top else ordered
        rows: list[Row] = list(top)
        if not wish.grouping:
            rows += rest
        else:
            for group in grouped(rest, wish.grouping, wish.closed, self._facts.of):
                rows.append(group)
                rows += () if group.closed else group.views
        alarms = Counter(map(self._alarms.of, views))
        self._let_go(views)
        return Listed(
            tuple(rows), (*top, *rest), 0 if wish.show_hidden else len(away),
            live=sum(count for alarm, count in alarms.items() if alarm),
            calling=sum(count for alarm, count in alarms.items() if "calling" in alarm),
            hung=sum(count for alarm, count in alarms.items() if "hung" in alarm),
        )  # fmt: skip

    def _let_go(self, views: Sequence[RunView]) -> None:
        for kept in (self._alarms, self._facts, self._matches):
            kept.let_go(len(views))
        if too_many(len(self._configs), len(views)):
            listed = {view.path for view in views}
            self._configs = {path: facts for path, facts in self._configs.items() if path in listed}

    def _prepared(self, view: RunView) -> Facts:
        """A run's facts; its configuration is taken apart once, as it hardly ever changes."""
        before = self._configs.get(view.path)
        facts = Facts(view, before)
        self._configs[view.path] = facts
        return facts

    def matching(self, views: Sequence[RunView], sought: Filter) -> Sequence[RunView]:
        """The runs that a filter lists."""
        if not sought.clauses:
            return views
        if sought is not self._sought:
            self._sought = sought
            self._matches = Remembered(lambda view: sought.matches(self._facts.of(view)))
        return [view for view in views if self._matches.of(view)]
