"""The checkpoints: best, last, all others; proved or not; where they lie."""

from __future__ import annotations

import os
from pathlib import Path

from guardrun.events.schema import CHECKPOINT
from guardtui.panes.listed import ListedPane
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Line, line
from guardtui.viewmodel.paragraphs import broken
from guardtui.viewmodel.saved import (
    Checkpoint,
    checkpoints_of,
    chosen_lines,
    empty_words,
    list_lines,
    summary_line,
)


class SavedPane(ListedPane):
    """The newest first; the chosen one with its whole path below the list."""

    where = "saved"
    title = "saved"

    def __init__(self) -> None:
        super().__init__()
        self._saved: list[Checkpoint] = []

    def wants(self, path: Path) -> Wants:
        """The list of what is on the disk."""
        return Wants(detail=path, console=0, saved=True)

    def apply(self, view: RunView, snapshot: Snapshot) -> None:
        """The list, and the chosen checkpoint."""
        detail = snapshot.detail
        if detail is None or detail.path != view.path or detail.saved is None:
            self.show_words([line(("reading…", "dim"))])
            return
        self._saved = checkpoints_of(view.state, detail)
        told = len({str(event.get("path")) for event in detail.told.get(CHECKPOINT, ())})
        if not self._saved:
            self.show_words(broken(empty_words(view.state), self.detail_width, "dim"))
            return
        chosen = self._saved[self.choose_from([each.path for each in self._saved])]
        self.show(
            list_lines(view, self._saved, self.list_width, self.g),
            chosen_lines(view, chosen, self._saved, self._path_of(view, chosen), self.detail_width, self.g),
            above=[summary_line(self._saved, detail.saved, told, self.g), ()],
        )

    def status(self, view: RunView, width: int) -> Line:
        """How many."""
        return line((f"{len(self._saved)} kept" if self._saved else "", "dim"))

    @staticmethod
    def _path_of(view: RunView, each: Checkpoint) -> str:
        """What a person can use in another folder, too."""
        return os.path.abspath(view.path / each.path)

    def action_copy(self) -> None:
        """The chosen one's path, for the terminal's clipboard."""
        view = self.view
        if self._saved and view is not None:
            self.app.copy_to_clipboard(self._path_of(view, self._saved[self.place]))
            self.notify("path copied, where the terminal allows it (OSC 52)", timeout=3)
