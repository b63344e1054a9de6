"""The keys that act on runs, alike in the list and on the screen of one run."""

from __future__ import annotations

from pathlib import Path

from guardtui.screens.board import BoardScreen


class ActsOnRuns(BoardScreen):
    """A screen that knows for which runs a key is meant."""

    @property
    def meant(self) -> tuple[Path, ...]:
        """Those runs; none while there are none."""
        raise NotImplementedError

    def action_stop(self) -> None:
        """Ask about stopping them safely."""
        self.board.ask_stop(self.meant)

    def action_stop_now(self) -> None:
        """Ask about stopping them at once; of a stop under way show the stages, where S climbs."""
        self.board.ask_stop(self.meant, now=True)

    def action_checkpoint(self) -> None:
        """Ask them for a checkpoint."""
        self.board.ask_checkpoint(self.meant)

    def action_resume(self) -> None:
        """Take them up again."""
        self.board.ask_resume(self.meant)

    def action_note(self) -> None:
        """Write a note about them."""
        self.board.ask_note(self.meant)

    def action_tags(self) -> None:
        """Change their tags."""
        self.board.ask_tags(self.meant)

    def action_acknowledge(self) -> None:
        """Say that their signals are known."""
        self.board.acknowledge(self.meant)
