"""Everything that is wrong, or was, with its evidence: a list to walk."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from guardrun.signals.model import Signal
from guardtui.panes.listed import ListedPane
from guardtui.snapshot import Curves, RunView, Snapshot, Wants
from guardtui.text import Line, line
from guardtui.viewmodel.faces import active_signals, unknown_signals
from guardtui.viewmodel.signal_page import (
    Key,
    detail_lines,
    key_of,
    list_lines,
    no_signal_lines,
    ordered,
    time_of_step,
)


@runtime_checkable
class ShowsPlaces(Protocol):
    """A pane of charts that can be asked for a place on them."""

    def show_at(self, step: int) -> None:
        """Show this step in all charts."""


class SignalsPane(ListedPane):
    """The worst first; the chosen one whole below the list."""

    where = "signals"
    title = "signals"

    def __init__(self) -> None:
        super().__init__()
        self._signals: list[Signal] = []
        self._times: dict[Key, float | None] = {}

    def wants(self, path: Path) -> Wants:
        """The curves: they tell when a step was taken."""
        return Wants(curves=(path,))

    @property
    def chosen_signal(self) -> Signal | None:
        """The one that keys act on."""
        return self._signals[self.place] if self._signals else None

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """The list, and the chosen signal."""
        self._signals = ordered(view.state.signals)
        if not self._signals:
            self.show_words(no_signal_lines(view, self.detail_width, self.g))
            return
        self._find_times(snapshot.curves.get(view.path))
        chosen = self._signals[self.choose_from([key_of(signal) for signal in self._signals])]
        self.show(
            list_lines(view, self._signals, self._times, self.list_width, self.g),
            detail_lines(view, chosen, self._times.get(key_of(chosen)), self.detail_width, self.g),
        )

    def _find_times(self, curves: Curves | None) -> None:
        """When each was raised: looked up once for each signal of these curves."""
        if curves is None:
            return
        for signal in self._signals:
            if self._times.get(key_of(signal)) is None:
                self._times[key_of(signal)] = time_of_step(curves.series, signal.raised_at)

    def status(self, view: RunView, width: int) -> Line:
        """How many stand, and of how many a person knows."""
        standing = active_signals(view.state.signals)
        news = len(unknown_signals(view.state.signals))
        known = len(standing) - news
        cleared = len(view.state.signals) - len(standing)
        words = [f"{news} stand" if news != 1 else "1 stands"] if view.state.signals else []
        words += [f"{known} known"] if known else []
        words += [f"{cleared} cleared"] if cleared else []
        return line((f" {self.g.dot} ".join(words), "dim"))

    def action_snooze(self) -> None:
        """Known for an hour."""
        view = self.view
        if view is not None and self.chosen_signal is not None:
            self.board.snooze(view.path, self.chosen_signal)

    async def action_jump(self) -> None:
        """The charts at the place where it began."""
        from guardtui.screens.run import RunScreen

        signal = self.chosen_signal
        if signal is not None and isinstance(self.screen, RunScreen):
            pane = await self.screen.show_pane("charts")
            if isinstance(pane, ShowsPlaces):
                pane.show_at(signal.first_step)
