"""The dashboard: screens over one snapshot, which a thread renews."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.message import Message

from guardtui import glyphs, sweeping, terminal
from guardtui.bindings import bindings_for
from guardtui.feed import Feed, FleetLike
from guardtui.preferring import PreferringApp
from guardtui.screens.board import BoardScreen
from guardtui.screens.fleet import FleetScreen
from guardtui.screens.text import HelpScreen
from guardtui.settings import SettingsStore, settings_file
from guardtui.snapshot import Snapshot
from guardtui.text import clean
from guardtui.theme import THEMES, remembered_theme
from guardtui.viewmodel.help import help_lines
from guardtui.widgets import dirty_rows, let_go, partial_updates, repertoire


class Dashboard(PreferringApp):
    """``guard watch``. Reads through the feed, writes nothing but command files."""

    TITLE = "guard"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("everywhere")]

    class Arrived(Message):
        """The feed has a new snapshot."""

    class Settled(Message):
        """There is news of the settings: they were read, or cannot be kept."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        focus: Path | None = None,
        readonly: bool = False,
        make_fleet: Callable[[], FleetLike] | None = None,
        settings: SettingsStore | None = None,
    ) -> None:
        self.settings = settings or SettingsStore(None)
        look = remembered_theme(self.settings.current.theme)
        # Without colours the toolkit must know before it chooses how to remove them.
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = look
        self.animation_level = "none"
        self.glyphs = glyphs.choose()
        replaced = repertoire.needed(letters_alone=self.glyphs is glyphs.ASCII)
        self._filters += [replaced] if replaced else []  # the toolkit has no other way to add one
        self.readonly = readonly
        self.snapshot = Snapshot(roots=tuple(str(path) for path in paths))
        self._paths = tuple(paths)
        self._focus = focus
        self.feed = Feed(make_fleet or self._make_fleet, self.snapshot.roots, self._notify)

    def _make_fleet(self) -> FleetLike:
        from guardrun.following.fleet import Fleet

        return Fleet(self._paths, hasty=True)

    def _notify(self) -> None:
        self.post_message(self.Arrived())

    def on_mount(self) -> None:
        """The list below, the focused run above it; then begin to read."""
        partial_updates.install()
        dirty_rows.install()
        let_go.install()
        self.push_screen(FleetScreen())
        self.settings.listen(lambda: self.post_message(self.Settled()))
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self._focus is not None:
            self.open_run(self._focus)
        self.feed.start()

    def on_unmount(self) -> None:
        """End the threads."""
        self.feed.stop()
        self.settings.stop()

    def notify(self, message: str, **options: Any) -> None:
        """A short message. Never markup: names of runs, paths and reasons are text that others wrote."""
        super().notify(message, **{**options, "markup": False})

    def on_dashboard_settled(self) -> None:
        """Show things as the person likes them, and what is wrong with the file."""
        self.theme = remembered_theme(self.settings.current.theme)
        self.show_snapshot(self.snapshot)
        if self.settings.note:
            self.notify(clean(self.settings.note), severity="warning")

    def on_dashboard_arrived(self) -> None:
        """Apply the newest snapshot; older ones that were not taken are skipped."""
        newest = self.feed.take()
        if newest is not self.snapshot:
            self.show_snapshot(newest)
            self.look_out(newest)
            if not newest.loading:
                sweeping.settle()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Hand a snapshot to what is seen, in one update of the terminal."""
        self.snapshot = snapshot
        if not self.is_running:  # it is being left: screens are half gone
            return
        with self.batch_update():
            for screen in self._visible():
                screen.apply(snapshot)

    def _visible(self) -> list[BoardScreen]:
        """The screen on top, and what is seen below a dialog."""
        seen: list[BoardScreen] = []
        for screen in reversed(self.screen_stack):
            if isinstance(screen, BoardScreen):
                seen.append(screen)
                if not screen.is_modal:
                    break
        return seen

    def look(self) -> None:
        """Ask the feed for what the uppermost screen that wants anything shows."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, BoardScreen) and screen.wants is not None:
                self.feed.want(screen.wants)
                return

    def open_run(self, path: Path, pane: str = "charts") -> None:
        """One run on a screen of its own."""
        from guardtui.screens.run import RunScreen  # numpy: not before the first frame

        self.push_screen(RunScreen(path, pane))

    def open_together(self, paths: Sequence[Path]) -> None:
        """Several runs in one set of charts."""
        from guardtui.screens.together import TogetherScreen  # numpy: not before the first frame

        self.push_screen(TogetherScreen(paths))

    def action_help(self) -> None:
        """Every key; again: back."""
        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
        else:
            below = self.screen
            places, idle = (below.places, below.idle) if isinstance(below, BoardScreen) else ((), {})
            self.push_screen(
                HelpScreen(
                    lambda width: help_lines(
                        width, self.glyphs, readonly=self.readonly, places=places, idle=idle
                    )
                )
            )

    def go_to(self, path: Path) -> None:
        """One run, over the list."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.open_run(path)

    def action_leave(self) -> None:
        """Leave the dashboard; trainings go on."""
        self.exit()


def run_dashboard(
    paths: Sequence[Path], *, focus: Path | None = None, readonly: bool = False, on_act: str = ""
) -> None:
    """Open the dashboard over every run below the paths, on ``focus`` if given; returns when it is left.

    ``on_act``: a command for alerts, instead of the one in the settings.
    Raises nothing for missing folders: runs appear when they come to be.
    """
    terminal.prepare()
    settings = SettingsStore(settings_file())
    settings.start()
    board = Dashboard(paths, focus=focus, readonly=readonly, settings=settings)
    board.on_act = on_act
    board.run()
    if board.return_code:
        sys.exit(board.return_code)
