"""A line that is there only when something is wrong."""

from __future__ import annotations

from guardtui.text import clean, line
from guardtui.widgets.lines import Lines


class Problem(Lines):
    """Says why the picture may be old."""

    DEFAULT_CSS = """
    Problem { display: none; padding: 0 1; }
    """

    def say(self, problem: str) -> None:
        """Show this, or vanish for ""."""
        if self.display != bool(problem):
            self.display = bool(problem)
        self.show([line((f" {clean(problem)} ", "danger"))] if problem else [])
