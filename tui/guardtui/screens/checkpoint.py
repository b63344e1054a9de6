"""A checkpoint now: asked for, seen at a step, written; training goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from guardtui.commanding import Request
from guardtui.screens.dialog import DialogScreen
from guardtui.snapshot import RunView
from guardtui.text import Line, line
from guardtui.viewmodel import saving_now
from guardtui.viewmodel.reach import checkpoint_fate
from guardtui.viewmodel.several import counted, fate_lines
from guardtui.widgets.choices import Item


class CheckpointScreen(DialogScreen):
    """Says what will be written, asks, follows the answer."""

    heading = "Checkpoint now"

    def __init__(self, paths: Path | tuple[Path, ...]) -> None:
        super().__init__(paths)
        self._sent: float | None = None
        self._ids: dict[Path, str] = {}

    def parts(self, views: list[RunView]) -> tuple[list[Line], list[Item]]:
        """The question, or how far it is."""
        if self._sent is not None:
            asked = [(view, self._ids[view.path]) for view in views if view.path in self._ids]
            lines = saving_now.progress(asked, self._sent, self.width, self.room, self.g)
            return lines, [
                self.leave("close" if saving_now.settled(asked) else "close (it is written anyway)")
            ]
        fates = [checkpoint_fate(view) for view in views]
        meant = [fate for fate in fates if fate.included]
        if self.several:
            intro = saving_now.intro(len(meant), len(fates))
            lines = fate_lines(fates, intro, self.width, self.room, self.g)
        else:
            lines = saving_now.question(fates[0], self.width, self.g)
        if not meant:
            return lines, [self.leave()]
        which = f" of {counted(len(meant))}" if self.several else ""
        return lines, [
            (line((f" enter  write a checkpoint{which} ", "accent")), "confirm(True)"),
            self.leave("cancel"),
        ]

    def action_confirm(self, sure: bool) -> None:
        """Ask for it, once."""
        meant = [fate.view for fate in map(checkpoint_fate, self.views) if fate.included]
        if self._sent is not None or not meant:
            return
        self._sent, self.problem = time.time(), ""
        for view in meant:
            self._ids[view.path] = ""
            self.board.send_checkpoint(view, self._answer_for(view.path))
        self.redraw()

    def _answer_for(self, path: Path) -> Callable[[Request], None]:
        def answered(request: Request) -> None:
            if request.problem:
                self.problem = request.problem
                self._ids.pop(path, None)
                self._sent = self._sent if self._ids else None
            else:
                self._ids[path] = request.id
            self.redraw()

        return answered
