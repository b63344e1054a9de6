"""Where a run comes from: configuration, code, data, seeds, environment."""

from __future__ import annotations

from pathlib import Path

from textual.containers import VerticalScroll

from guardtui.panes.scrolled import ScrolledPane
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Line, line
from guardtui.viewmodel.origin import page_lines, sections


class OriginPane(ScrolledPane):
    """Everything that is recorded about the run; n and p go from section to section."""

    where = "origin"
    title = "origin"

    def __init__(self) -> None:
        super().__init__()
        self._titles: list[str] = []
        self._starts: list[int] = []

    def on_mount(self) -> None:
        """The status line tells the section at the top, however one came there."""
        self.watch(self.query_one(VerticalScroll), "scroll_y", self.changed, init=False)

    def wants(self, path: Path) -> Wants:
        """What its training and its launcher told."""
        return Wants(detail=path, console=0)

    def lines_of(self, view: RunView, snapshot: Snapshot, width: int) -> list[Line]:
        """Section by section."""
        detail = snapshot.detail if snapshot.detail and snapshot.detail.path == view.path else None
        made = sections(view, detail, width, self.g)
        lines, self._starts = page_lines(made)
        self._titles = [section.title for section in made]
        return lines

    @property
    def _here(self) -> int:
        """The number of the section at the top."""
        scroll = self.query_one(VerticalScroll)
        if scroll.max_scroll_y and scroll.scroll_offset.y >= scroll.max_scroll_y:
            return len(self._starts) - 1
        y = scroll.scroll_offset.y
        return max((number for number, start in enumerate(self._starts) if start <= y), default=0)

    def status(self, view: RunView, width: int) -> Line:
        """Which section is at the top."""
        if not self._titles:
            return ()
        return line(
            (f"{self._titles[self._here]} ", "text"), (f"{self._here + 1} of {len(self._titles)}", "dim")
        )

    def action_section(self, distance: int) -> None:
        """The next section, or the one before."""
        if self._starts:
            place = min(max(0, self._here + distance), len(self._starts) - 1)
            self.query_one(VerticalScroll).scroll_to(y=self._starts[place], animate=False)
