"""What a key can do to runs: dialogs that ask, and requests that are written in a thread.

Every method takes one run or several. What cannot be reached is said by the dialog, and nothing is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from textual.message import Message
from textual.screen import Screen

from guardrun.signals.model import Signal
from guardrun.state.model import Status
from guardtui import commanding, resuming
from guardtui.feed import Feed
from guardtui.snapshot import RunView, Snapshot
from guardtui.text import clean
from guardtui.typing_ahead import TypingApp
from guardtui.viewmodel.faces import active_signals, unknown_signals
from guardtui.viewmodel.reach import barred

if TYPE_CHECKING:
    from guardtui.commanding import Request
    from guardtui.resuming import Plan

Paths: TypeAlias = Path | Sequence[Path]


class ActingApp(TypingApp):
    """The acting half of the dashboard; it has the newest snapshot and the feed."""

    snapshot: Snapshot
    feed: Feed
    readonly: bool
    _demo_asked = False

    class Sent(Message):
        """Something that was done in a thread is done."""

        def __init__(self, result: Any, answered: Callable[[Any], None]) -> None:
            super().__init__()
            self.result = result
            self.answered = answered

    def on_acting_app_sent(self, event: Sent) -> None:
        """Tell the dialog that asked."""
        event.answered(event.result)

    # -- dialogs

    def ask_stop(self, paths: Paths, *, now: bool = False) -> None:
        """The dialog of the safe stop, or of the one that does not wait; of a stop under way its stages."""
        from guardtui.screens.stop import StopScreen

        views = self._views(paths)
        begins = any(view.state.status is not Status.STOPPING for view in views)
        if views:
            self._open(StopScreen([view.path for view in views], now=now and begins))

    def ask_checkpoint(self, paths: Paths) -> None:
        """The dialog that asks for a checkpoint now."""
        from guardtui.screens.checkpoint import CheckpointScreen

        known = self._known(paths)
        if known:
            self._open(CheckpointScreen(known))

    def ask_resume(self, paths: Paths) -> None:
        """The dialog that takes runs up again."""
        from guardtui.screens.resume import ResumeScreen

        known = self._known(paths)
        if known:
            self._open(ResumeScreen(known))

    def ask_note(self, paths: Paths) -> None:
        """Write a note."""
        from guardtui.screens.words import NoteScreen

        known = self._known(paths)
        if known:
            self._open(NoteScreen(known))

    def ask_tags(self, paths: Paths) -> None:
        """Add and remove tags."""
        from guardtui.screens.words import TagScreen

        known = self._known(paths)
        if known:
            self._open(TagScreen(known))

    def _open(self, dialog: Screen[None]) -> None:
        if not self.readonly and not self.screen.is_modal:
            self.push_screen(dialog)

    # -- requests

    def send_stop(
        self, view: RunView, answered: Callable[[str], None], *, hurry: bool = False, now: bool = False
    ) -> None:
        """Write the request; ``answered`` gets "" or the problem."""
        path, attempt = view.path, view.state.attempt
        self._in_background(
            (path,), lambda: commanding.send_stop(path, attempt, hurry=hurry, now=now), answered
        )

    def send_checkpoint(self, view: RunView, answered: Callable[[Request], None]) -> None:
        """Write the request; ``answered`` gets its id, or the problem."""
        path, attempt = view.path, view.state.attempt
        self._in_background((path,), lambda: commanding.send_checkpoint(path, attempt), answered)

    def plan_resume(self, view: RunView, answered: Callable[[Plan], None]) -> None:
        """Ask the command what a resume would do."""
        path, attempt = view.path, view.state.attempt
        self._in_background((path,), lambda: resuming.plan_resume(path, attempt), answered)

    def start_resume(self, view: RunView, answered: Callable[[str], None]) -> None:
        """Start it, as a process that outlives this one; ``answered`` gets "" or the problem."""
        path, attempt = view.path, view.state.attempt
        self._in_background((path,), lambda: resuming.start_resume(path, attempt), answered)

    def start_demo(self, runs_dir: Path) -> None:
        """A small training, so that there is something to look at."""
        from guardtui import demo

        if self._demo_asked:
            return
        self._demo_asked = True

        def answered(problem: str) -> None:
            self._demo_asked = not problem
            self.notify(problem or "the demo trains", severity="error" if problem else "information")

        self.notify("the demo is being prepared: it appears here by itself", timeout=8)
        self._in_background((), lambda: demo.start_demo(runs_dir), answered)

    def send_note(self, views: Iterable[RunView], text: str) -> None:
        """Write the note into every run of these that can be reached."""
        self._tell_all(views, "noted", lambda view: commanding.send_note(view.path, view.state.attempt, text))

    def send_tags(self, views: Iterable[RunView], add: Sequence[str], remove: Sequence[str]) -> None:
        """Change the tags of every run of these that can be reached."""
        self._tell_all(
            views, "tagged", lambda view: commanding.send_tags(view.path, view.state.attempt, add, remove)
        )

    def acknowledge(self, paths: Paths, signal_id: str | None = None, *, only: Signal | None = None) -> None:
        """Say that the person knows of every signal that stands on these runs, or of one of them; the
        answer comes by the feed."""
        known = {
            view.path: [s for s in unknown_signals(view.state.signals) if _is_meant(s, signal_id, only)]
            for view in self._views(paths)
        }
        if not any(known.values()):
            self.notify("no signal to acknowledge", timeout=2)
            return
        self._tell_all(
            [view for view in self._views(paths) if known[view.path]],
            "" if len(known) == 1 else "acknowledged",
            lambda view: commanding.send_acknowledgement(view.path, view.state.attempt, known[view.path]),
        )

    def snooze(
        self, path: Path, signal: Signal | str, *, hours: float | None = None, steps: int | None = None
    ) -> None:
        """Acknowledge one signal for a while (an hour, where nothing is said): it comes back by itself."""
        name = signal if isinstance(signal, str) else signal.id
        found = [
            (view, each)
            for view in self._views(path)
            for each in active_signals(view.state.signals)
            if each.id == name
        ]
        if not found:
            self.notify("no signal to snooze", timeout=2)
            return
        view, chosen = found[0]
        until = time.time() + 3600 * (hours or 1.0) if steps is None else None
        until_step = None if steps is None else view.state.step + steps
        self._tell_all(
            [view],
            f"snoozed for {f'{steps:,} steps' if steps is not None else f'{hours or 1.0:g} h'}:",
            lambda view: commanding.send_acknowledgement(
                view.path, view.state.attempt, [chosen], until=until, until_step=until_step
            ),
        )

    # -- parts

    def _known(self, paths: Paths) -> tuple[Path, ...]:
        return tuple(view.path for view in self._views(paths))

    def _views(self, paths: Paths) -> list[RunView]:
        several = (paths,) if isinstance(paths, Path) else tuple(paths)
        found = [self.snapshot.by_path.get(path) for path in dict.fromkeys(several)]
        return [view for view in found if view is not None]

    def _tell_all(self, views: Iterable[RunView], done: str, write: Callable[[RunView], str]) -> None:
        """Write something of each run that can be reached, and say what came of it."""
        every = list(views)
        chosen = [view for view in every if not barred(view)]
        refused = [f"this run {barred(view)}: nothing was written" for view in every if barred(view)]

        def work() -> list[str]:
            return [problem for view in chosen if (problem := write(view))]

        def answered(problems: list[str]) -> None:
            for problem in [*refused, *problems][:3]:
                self.notify(clean(problem), severity="error")
            reached = len(chosen) - len(problems)
            if done and reached:
                name = clean(chosen[0].state.name) if len(chosen) == 1 else f"{reached} runs"
                self.notify(f"{done} {name}", timeout=3)

        self._in_background(tuple(view.path for view in chosen), work, answered)

    def _in_background(
        self, paths: tuple[Path, ...], work: Callable[[], Any], answered: Callable[[Any], None]
    ) -> None:
        """Work in a thread (a folder may be slow), then look at these runs soon."""

        def run() -> None:
            result = work()
            for path in paths:
                self.feed.hasten(path)
            self.post_message(self.Sent(result, answered))

        self.run_worker(run, thread=True, group="commands", exit_on_error=False)


def _is_meant(signal: Signal, signal_id: str | None, only: Signal | None) -> bool:
    if only is not None:
        return (signal.id, signal.raised_at) == (only.id, only.raised_at)
    return signal_id is None or signal.id == signal_id
