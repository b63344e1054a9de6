"""Widgets that show a :class:`Frame` of characters and styles: charts and their legends."""

from __future__ import annotations

import os

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from guardtui import glyphs
from guardtui.chart.frame import Frame
from guardtui.chart.ink import Ink, choose_ink
from guardtui.chart.palette import paints, terminal_paints


class Framed(Widget):
    """Paints the rows of a frame in the colours of the theme and the palette; subclasses draw the frame."""

    def __init__(
        self,
        *,
        ink: Ink | None = None,
        mono: bool | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """``ink`` and ``mono`` (no colours) follow the terminal when they are None."""
        super().__init__(id=id, classes=classes)
        self._own_ink = ink
        self._mono = bool(os.environ.get("NO_COLOR")) if mono is None else mono
        self._frame: Frame | None = None
        self._styled_frame: Frame | None = None
        self._styles_for: tuple[str, str] | None = None
        self._rich_styles: dict[str, Style] = {}

    @property
    def _ink(self) -> Ink:
        """Its own, else what the person chose, else what fits the terminal."""
        chosen: Ink | None = self._own_ink or getattr(self.app, "ink", None)
        return chosen or choose_ink(ascii_only=glyphs.choose() is glyphs.ASCII)

    def renew(self) -> None:
        """Draw all of it anew, with another ink."""
        self._frame = None
        self.refresh()

    def _draw(self, width: int, height: int) -> Frame:
        """The frame of exactly that size."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """One row of the frame."""
        width, height = self.size
        if self._frame is None or self._frame.chars.shape != (height, width):
            self._frame = self._draw(width, height)
        if not 0 <= y < height:
            return Strip.blank(width, self.rich_style)
        styles = self._style_table()
        runs = self._frame.runs(y)
        return Strip([Segment(text, styles[style] + styles[ground]) for text, style, ground in runs], width)

    def _style_table(self) -> dict[str, Style]:
        """Rich styles by name for the theme and background of now; "" and grounds set the background."""
        theme = self.app.current_theme
        if self._styled_frame is self._frame and self._styles_for and self._styles_for[0] == theme.name:
            return self._rich_styles  # once a frame: a background is looked up through all ancestors
        self._styled_frame = self._frame
        background = self.background_colors[1]
        key = (theme.name, background.hex6)
        if self._styles_for != key:
            own = self._mono or theme.ansi or background.ansi is not None
            if own:
                table = terminal_paints(colors=not self._mono)
            else:
                table = paints(dark=background.brightness < 0.5, background=background.hex6)
            ground = Style.from_color(None, background.rich_color)
            self._rich_styles = {"": Style.null()}
            for name, paint in table.items():
                if name.endswith(":ground"):
                    style = Style(bgcolor=paint.color or None)
                else:
                    style = ground + Style(color=paint.color or None, bold=paint.bold, dim=paint.dim)
                self._rich_styles[name] = style
            self._styles_for = key
        return self._rich_styles
