"""The stop as a dialog: says first, asks, then shows each stage as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from guardrun.state.model import Status
from guardtui.screens.dialog import DialogScreen
from guardtui.snapshot import RunView
from guardtui.text import Line, line
from guardtui.viewmodel import stopping
from guardtui.viewmodel.reach import Fate, stop_fate
from guardtui.viewmodel.several import counted, fate_lines, stage_table
from guardtui.widgets.choices import Item


class StopScreen(DialogScreen):
    """About one run or several. Nothing is sent before the person confirmed, and nothing twice."""

    def __init__(self, paths: Path | Sequence[Path], *, now: bool = False) -> None:
        super().__init__(paths)
        self.heading = "Stop now" if now else "Safe stop"
        self._now = now
        self._sent: float | None = None
        self._asked: dict[Path, str] = {}
        """Runs that were asked -> the rung that was climbed last."""

    @property
    def _asking(self) -> bool:
        under_way = all(view.state.status is Status.STOPPING for view in self.views)
        return self._sent is None and not under_way

    def parts(self, views: list[RunView]) -> tuple[list[Line], list[Item]]:
        """The question, or the stages."""
        if self.several:
            return self._question_of(views) if self._asking else self._table(views)
        return self._question(views[0]) if self._asking else self._stages(views[0])

    def _question(self, view: RunView) -> tuple[list[Line], list[Item]]:
        asked = stopping.question(view, self.width, self.g, now=self._now)
        if not asked.allowed:
            return asked.lines, [self.leave()]
        return asked.lines, [self._yes("", asked.loses_work), self.leave("cancel")]

    def _question_of(self, views: list[RunView]) -> tuple[list[Line], list[Item]]:
        fates = [stop_fate(view, now=self._now) for view in views]
        meant = [fate for fate in fates if fate.included]
        lines = fate_lines(
            fates, stopping.intro(meant, len(fates), now=self._now), self.width, self.room, self.g
        )
        if not meant:
            return lines, [self.leave()]
        loses = self._now or any(fate.loses_work for fate in meant)
        return lines, [self._yes(f" {counted(len(meant))}", loses), self.leave("cancel")]

    def _yes(self, which: str, loses_work: bool) -> Item:
        if self._now:
            word = f" y  stop{which} now "
        else:
            word = f" y  stop{which or ' it'} anyway " if loses_work else f" enter  stop{which} safely "
        return line((word, "danger")), "confirm(True)"

    def _stages(self, view: RunView) -> tuple[list[Line], list[Item]]:
        state = view.state
        lines = [
            *stopping.heading(view, self.width, self.g),
            *stopping.stage_lines(state, self._sent, self.width, self.g),
        ]
        result = stopping.result_lines(state, self.width, self.g)
        offer = stopping.offer_lines(state, self.width)
        lines += [(), *result] if result else []
        lines += [(), *offer] if offer else []
        climbed = self._asked.get(view.path)
        if climbed and state.status.live:
            lines.append(line((f"asked for {climbed}", "warn")))
        items: list[Item] = []
        if offer and not self.board.readonly:
            items.append((line((f" S  {state.stop_offer} ", "danger")), "climb"))
        return lines, [*items, self.leave("close" if result else "close (the stop goes on)")]

    def _table(self, views: list[RunView]) -> tuple[list[Line], list[Item]]:
        shown = [view for view in views if view.path in self._asked] or views
        lines = stage_table(shown, self._sent, self.width, self.room, self.g)
        offered = sum(bool(view.state.stop_offer) and view.state.status.live for view in shown)
        items: list[Item] = []
        if offered and not self.board.readonly:
            items.append((line((f" S  next rung for {counted(offered)} ", "danger")), "climb"))
        going_on = any(view.state.status.live for view in shown)
        return lines, [*items, self.leave("close (the stops go on)" if going_on else "close")]

    def action_confirm(self, sure: bool) -> None:
        """Send the requests, once; Enter alone is not enough where work would be lost."""
        if not self._asking:
            return
        meant = self._meant()
        if not meant or not (sure or not (self._now or any(fate.loses_work for fate in meant))):
            return
        self._sent = time.time()
        self.problem = ""
        for fate in meant:
            self._asked[fate.view.path] = ""
            self.board.send_stop(fate.view, self._answer_for(fate.view.path), now=self._now)
        self.redraw()

    def _meant(self) -> list[Fate]:
        return [fate for fate in (stop_fate(view, now=self._now) for view in self.views) if fate.included]

    def action_climb(self) -> None:
        """Ask for the rung that is offered, once each."""
        if self._asking:
            return
        for view in self.views:
            rung = view.state.stop_offer
            if rung and rung != self._asked.get(view.path) and view.state.status.live:
                self._asked[view.path] = rung
                self.board.send_stop(view, self._answer_for(view.path), hurry=True)
        self.redraw()

    def _answer_for(self, path: Path) -> Callable[[str], None]:
        """The request was written, or could not be: then it may be tried again."""

        def answered(problem: str) -> None:
            if problem:
                self.problem = problem
                self._asked.pop(path, None)
                self._sent = self._sent if self._asked else None
            self.redraw()

        return answered
