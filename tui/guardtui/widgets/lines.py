"""Lines of toned text on the screen; only what changed is sent to the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from guardtui.text import Line, changed_spans
from guardtui.theme import TONES


class Lines(Widget):
    """Shows lines made by the view model. There is no markup: text stays text."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(f"lines--{tone}" for tone in TONES), "lines--selected"}

    DEFAULT_CSS = """
    Lines {
        height: auto;
        width: 1fr;
        & .lines--text { color: $foreground; }
        & .lines--dim { color: $guard-dim; }
        & .lines--strong { color: $guard-strong; text-style: bold; }
        & .lines--title { color: $guard-strong; text-style: bold; }
        & .lines--good { color: $success; }
        & .lines--warn { color: $warning; }
        & .lines--bad { color: $error; text-style: bold; }
        & .lines--info { color: $guard-info; }
        & .lines--accent { color: $accent; }
        & .lines--key { color: $accent; text-style: bold; }
        & .lines--rest { color: $guard-rest; }
        & .lines--danger { color: $error; text-style: bold reverse; }
        & .lines--found { color: $accent; text-style: bold reverse; }
        & .lines--selected { background: $guard-selected; }
        &:ansi {
            & .lines--dim { text-style: dim; }
            & .lines--rest { text-style: dim; }
            & .lines--selected { text-style: reverse; }
        }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._lines: list[Line] = []
        self._selected: int | None = None

    def on_mount(self) -> None:
        """Lines that came before the widget was running have not been measured."""
        if self._lines:
            self.refresh(layout=True)

    @property
    def lines(self) -> Sequence[Line]:
        """What is shown."""
        return self._lines

    def show(self, lines: Sequence[Line], *, selected: int | None = None) -> None:
        """Replace the lines; line number ``selected`` gets the background of a selection."""
        before, was = self._lines, self._selected
        self._lines, self._selected = list(lines), selected
        height = self.styles.height
        unseen = bool(lines) and not self.size.height
        if (len(before) != len(lines) or unseen) and (height is None or height.is_auto):
            self.refresh(layout=True)
            return
        regions = []
        for number, (old, new) in enumerate(zip_longest(before, self._lines, fillvalue=())):
            if selected != was and number in (selected, was):
                regions.append(Region(0, number, self.size.width, 1))
            elif old is not new:
                for start, end in changed_spans(old, new, self.size.width):
                    regions.append(Region(start, number, end - start, 1))
        if regions:
            self.refresh(*regions)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row a line."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """Row ``y``, padded to the widget's width."""
        line = self._lines[y] if y < len(self._lines) else ()
        ground = self._style("text")
        chosen = y == self._selected
        if chosen:
            mark = self.get_component_rich_style("lines--selected", partial=True)
            # A reversed row in the colours of its tones would be a row of blocks.
            tones = {bit.tone: ground if mark.reverse else self._style(bit.tone) for bit in line}
            segments = [Segment(bit.text, tones[bit.tone] + mark) for bit in line]
            return Strip(segments).adjust_cell_length(self.size.width, ground + mark)
        segments = [Segment(bit.text, self._style(bit.tone)) for bit in line]
        return Strip(segments).adjust_cell_length(self.size.width, ground)

    def _style(self, tone: str) -> Style:
        return self.get_component_rich_style(f"lines--{tone}")
