"""The legend of several runs: rows to walk, each with a sample of its line in its colour."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from guardtui.chart.palette import paints, terminal_paints
from guardtui.text import Line
from guardtui.viewmodel.together_legend import SAMPLE, SAMPLE_AT
from guardtui.widgets.lines import Lines

_SIGNS_END = SAMPLE_AT + SAMPLE


class RunLegend(Lines):
    """Shows what the view model made; samples are painted in the colours of the charts."""

    DEFAULT_CSS = """
    RunLegend { height: auto; width: 1fr; }
    """

    class Chosen(Message):
        """A row was clicked. ``sample``: on its sample; ``again``: twice."""

        def __init__(self, key: Hashable, *, sample: bool, again: bool) -> None:
            super().__init__()
            self.key = key
            self.sample = sample
            self.again = again

    class Moved(Message):
        """The wheel was turned."""

        def __init__(self, distance: int) -> None:
            super().__init__()
            self.distance = distance

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: Sequence[Hashable] = ()
        self._roles: list[str] = []
        self._painted: tuple[str, dict[str, Style]] = ("", {})

    def show_rows(
        self, lines: Sequence[Line], keys: Sequence[Hashable], roles: Sequence[str], selected: int | None
    ) -> None:
        """``keys`` and ``roles``: of each line the row it stands for (None: of none) and its colour's role
        ("": none; ``role:dim`` a dim one)."""
        self._keys = tuple(keys)
        before, self._roles = self._roles, list(roles)
        self.show(lines, selected=selected)
        if before != self._roles:
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The row with its letter and its sample painted."""
        strip = super().render_line(y)
        role = self._roles[y] if y < len(self._roles) else ""
        color = self._paint(role) if role else None
        if color is None:
            return strip
        parts = [strip.crop(0, 2), strip.crop(2, _SIGNS_END), strip.crop(_SIGNS_END, strip.cell_length)]
        painted = [Segment(each.text, (each.style or Style()) + color) for each in parts[1]]
        return Strip([*parts[0], *painted, *parts[2]], strip.cell_length)

    def _paint(self, role: str) -> Style | None:
        """Of the theme and the background of now."""
        theme, background = self.app.current_theme, self.background_colors[1]
        key = f"{theme.name} {background.hex6}"
        if self._painted[0] != key:
            colors = not self.app.no_color
            if theme.ansi or not colors or background.ansi is not None:
                table = terminal_paints(colors=colors)
            else:
                table = paints(dark=background.brightness < 0.5, background=background.hex6)
            styles = {
                name: Style(color=paint.color or None, bold=paint.bold, dim=paint.dim)
                for name, paint in table.items()
                if not name.endswith(":ground")
            }
            self._painted = (key, styles)
        return self._painted[1].get(role)

    def on_click(self, event: events.Click) -> None:
        """Choose the row; on its sample: switch it; twice: open it."""
        y = event.y - self.styles.padding.top
        key = self._keys[y] if 0 <= y < len(self._keys) else None
        if key is not None:
            x = event.x - self.styles.padding.left
            self.post_message(self.Chosen(key, sample=2 <= x < _SIGNS_END, again=event.chain > 1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The next row."""
        event.stop()
        self.post_message(self.Moved(1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The row before."""
        event.stop()
        self.post_message(self.Moved(-1))
