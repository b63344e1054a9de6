"""Colours of the styles, for dark and light terminals and for none.

The hues are those of Okabe and Ito's palette, which people with any kind of colour blindness can tell
apart (https://jfly.uni-koeln.de/color/), made lighter or darker until they can be read on the background.
Each curve's is one of xterm's 256 colours, which look the same in tmux.
No meaning rests on a colour alone: marks have shapes, and curves have letters where there are no colours.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Paint(NamedTuple):
    """How a style looks. ``color`` is #rrggbb, a name of the sixteen, or "" for the terminal's own."""

    color: str
    bold: bool = False
    dim: bool = False


_DARK_CURVES: Final = {
    "train": "#5fafff", "val": "#ffaf00", "test": "#ffff87",
    "metric": "#5fd7af", "lr": "#d7d75f", "grad": "#d787af",
    "system": "#87afd7", "aux1": "#5fafff", "aux2": "#ffaf00",
    "aux3": "#5fd7af", "aux4": "#d787af", "aux5": "#ffff87",
    "aux6": "#afafff",
    "run1": "#5fafff", "run2": "#ffaf00", "run3": "#afaf87", "run4": "#00ffd7", "run5": "#ffff00",
    "run6": "#ff5faf", "run7": "#d7d7ff", "run8": "#afffaf", "run9": "#5fd75f", "run10": "#af8700",
}  # fmt: skip
_LIGHT_CURVES: Final = {
    "train": "#005faf", "val": "#af5f00", "test": "#5f005f",
    "metric": "#00875f", "lr": "#5f5f00", "grad": "#af005f",
    "system": "#5f5f87", "aux1": "#005faf", "aux2": "#af5f00",
    "aux3": "#00875f", "aux4": "#af005f", "aux5": "#5f5f00",
    "aux6": "#5f5faf",
    "run1": "#005faf", "run2": "#af5f00", "run3": "#00875f", "run4": "#8700d7", "run5": "#5f0000",
    "run6": "#875f87", "run7": "#0000ff", "run8": "#1c1c1c", "run9": "#5f005f", "run10": "#000087",
}  # fmt: skip
_DARK_FIXED: Final = {
    "blank": "", "title": "#eeeeee", "axis": "#585858", "label": "#9e9e9e", "text": "#d0d0d0",
    "note": "#9e9e9e", "alarm": "#ff5f5f", "cursor": "#8a8a8a", "empty": "#9e9e9e", "best": "#ffd75f",
    "last": "#d0d0d0", "signal": "#ff5f5f", "warning": "#ffd75f", "notice": "#9e9e9e", "stop": "#ff875f",
    "resume": "#87afd7",
}  # fmt: skip
_LIGHT_FIXED: Final = {
    "blank": "", "title": "#080808", "axis": "#9e9e9e", "label": "#585858", "text": "#303030",
    "note": "#585858", "alarm": "#af0000", "cursor": "#8a8a8a", "empty": "#585858", "best": "#875f00",
    "last": "#303030", "signal": "#af0000", "warning": "#875f00", "notice": "#585858", "stop": "#af5f00",
    "resume": "#5f5f87",
}  # fmt: skip
_ANSI: Final = {
    "train": "bright_blue", "val": "yellow", "test": "bright_yellow", "metric": "green", "lr": "yellow",
    "grad": "magenta", "system": "cyan", "aux1": "bright_blue", "aux2": "yellow", "aux3": "green",
    "aux4": "magenta", "aux5": "cyan", "aux6": "bright_magenta",
    "run1": "bright_blue", "run2": "yellow", "run3": "green", "run4": "magenta", "run5": "cyan",
    "run6": "bright_yellow", "run7": "bright_green", "run8": "bright_magenta", "run9": "bright_cyan",
    "run10": "blue",
    "alarm": "red", "signal": "red", "warning": "yellow", "stop": "red", "best": "yellow", "resume": "cyan",
}  # fmt: skip
_QUIET: Final = ("axis", "label", "note", "cursor", "empty", "notice")
_BOLD: Final = ("title", "alarm", "best", "signal", "warning", "stop")
_DIM_SHARE: Final = 0.42
"""Of a curve's colour in its band; the rest is the background's."""
_GROUND_SHARE: Final = 0.2
"""The same for the ground under a band's line: about what the band's dots cover of a cell."""


def paints(*, dark: bool, background: str = "") -> dict[str, Paint]:
    """A paint for every style of ``guardtui.chart.frame``, and ``role:ground`` for what lies under a line.

    Args:
        background: #rrggbb on which the chart is drawn, into which bands fade; "" for the usual one.
    """
    fixed, curves = (_DARK_FIXED, _DARK_CURVES) if dark else (_LIGHT_FIXED, _LIGHT_CURVES)
    ground = background or ("#121212" if dark else "#ffffff")
    table = {name: Paint(color, name in _BOLD) for name, color in fixed.items()}
    for role, color in curves.items():
        table[role] = Paint(color)
        table[f"{role}:dim"] = Paint(blend(color, ground, _DIM_SHARE))
        table[f"{role}:ground"] = Paint(blend(color, ground, _GROUND_SHARE))
    return table


def terminal_paints(*, colors: bool) -> dict[str, Paint]:
    """Paints in the terminal's own sixteen colours, or without any: bold and dim tell bright from dim."""
    hues = _ANSI if colors else {}
    table = {name: Paint(hues.get(name, ""), name in _BOLD, name in _QUIET) for name in _DARK_FIXED}
    for role in _DARK_CURVES:
        hue = hues.get(role, "")
        table[role] = Paint(hue, bold=not colors)
        table[f"{role}:dim"] = Paint(hue, dim=True)
        table[f"{role}:ground"] = Paint("")
    return table


def blend(color: str, ground: str, share: float) -> str:
    """``share`` of one #rrggbb over another."""
    pairs = zip(_channels(color), _channels(ground), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
