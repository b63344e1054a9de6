"""Take up runs that are over: what will happen by the command's own word, then the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from guardtui.resuming import Plan
from guardtui.screens.dialog import DialogScreen
from guardtui.snapshot import RunView
from guardtui.text import Line, line
from guardtui.viewmodel import taking_up
from guardtui.viewmodel.reach import resume_fate
from guardtui.viewmodel.several import counted, fate_lines
from guardtui.widgets.choices import Item

_AGAIN_S: Final = 2.0


class ResumeScreen(DialogScreen):
    """Asks the command first what it would do, so that what is promised is what is done."""

    heading = "Resume"

    def __init__(self, paths: Path | tuple[Path, ...]) -> None:
        super().__init__(paths)
        self._plans: dict[Path, Plan] = {}
        self._started: dict[Path, int] = {}
        """Runs whose start was asked for -> the attempt before."""
        self._problems: dict[Path, str] = {}
        self._launched: set[Path] = set()
        """Runs whose supervisor has started."""

    def on_mount(self) -> None:
        """Ask what would happen, for one run; of several each says so when it starts."""
        super().on_mount()
        if not self.several:
            for view in self.views:
                if resume_fate(view).included:
                    self.board.plan_resume(view, self._planned(view.path))

    def _ask_again(self) -> None:
        """The supervisor of a run that has just ended may be done by now."""
        for view in self.views:
            if resume_fate(view).included and not self._started:
                self.board.plan_resume(view, self._planned(view.path))

    def _planned(self, path: Path) -> Callable[[Plan], None]:
        def answered(plan: Plan) -> None:
            self._plans[path] = plan
            if plan.waits and not self.closed:
                self.set_timer(_AGAIN_S, self._ask_again)
            self.redraw()

        return answered

    def parts(self, views: list[RunView]) -> tuple[list[Line], list[Item]]:
        """The question, or how far the start is."""
        if self._started:
            told = [
                (view, before, self._problems.get(view.path, ""), view.path in self._launched)
                for view in views
                if (before := self._started.get(view.path)) is not None
            ]
            return taking_up.progress(told, self.width, self.room, self.g), [self.leave()]
        return self._question_of(views) if self.several else self._question(views[0])

    def _question(self, view: RunView) -> tuple[list[Line], list[Item]]:
        fate, plan = resume_fate(view), self._plans.get(view.path)
        lines = taking_up.question(fate, plan, self.width, self.g)
        if not fate.included or (plan is not None and plan.problem):
            return lines, [self.leave()]
        if plan is None:
            return lines, [self.leave("cancel")]
        return lines, [self._yes("resume"), self.leave("cancel")]

    def _question_of(self, views: list[RunView]) -> tuple[list[Line], list[Item]]:
        fates = [resume_fate(view) for view in views]
        meant = sum(fate.included for fate in fates)
        lines = fate_lines(fates, taking_up.intro(meant, len(fates)), self.width, self.room, self.g)
        return lines, [self._yes(f"resume {counted(meant)}"), self.leave("cancel")] if meant else [
            self.leave()
        ]

    def _yes(self, word: str) -> Item:
        return line((f" enter  {word} ", "accent")), "confirm(False)"

    def action_confirm(self, sure: bool) -> None:
        """Start what can be started, once, one after the other."""
        meant = [fate.view for fate in map(resume_fate, self.views) if fate.included]
        if self._started or not meant:
            return
        if not self.several and (self._plans.get(meant[0].path) or Plan(problem="not yet")).problem:
            return
        self._started = {view.path: view.state.attempt for view in meant}
        self._start(meant)
        self.redraw()

    def _start(self, views: list[RunView]) -> None:
        view, *others = views

        def answered(problem: str) -> None:
            if problem:
                self._problems[view.path] = problem
            else:
                self._launched.add(view.path)
            if others:
                self._start(others)
            self.redraw()

        self.board.start_resume(view, answered)
