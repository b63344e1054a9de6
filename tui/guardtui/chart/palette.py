"""Colours of the styles, for dark and light terminals and for none.

The hues are those of Okabe and Ito's palette, which people with any kind of colour blindness can tell
apart (https://jfly.uni-koeln.de/color/), made lighter or darker until they can be read on the background.
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
    "train": "#56b4e9", "val": "#f0a030", "test": "#f0e442", "metric": "#2fc49a", "lr": "#e6d94a",
    "grad": "#d88bb5", "system": "#8fb8d0", "aux1": "#56b4e9", "aux2": "#f0a030", "aux3": "#2fc49a",
    "aux4": "#d88bb5", "aux5": "#f0e442", "aux6": "#a9a1f0",
}  # fmt: skip
_LIGHT_CURVES: Final = {
    "train": "#0072b2", "val": "#b85c00", "test": "#7a6a00", "metric": "#007a58", "lr": "#7a6a00",
    "grad": "#a8437f", "system": "#40667c", "aux1": "#0072b2", "aux2": "#b85c00", "aux3": "#007a58",
    "aux4": "#a8437f", "aux5": "#7a6a00", "aux6": "#5b4fc4",
}  # fmt: skip
_DARK_FIXED: Final = {
    "blank": "", "title": "#e8e8e8", "axis": "#5c6370",
    "label": "#9aa0ab", "text": "#c8ccd4", "note": "#9aa0ab",
    "alarm": "#ff6b5e", "cursor": "#7d8490",
    "empty": "#9aa0ab", "best": "#ffd75f", "last": "#c8ccd4",
    "signal": "#ff6b5e", "stop": "#ff9d5c", "resume": "#8fb8d0",
}  # fmt: skip
_LIGHT_FIXED: Final = {
    "blank": "", "title": "#1c1c1c", "axis": "#8a8f98",
    "label": "#5a606b", "text": "#333842", "note": "#5a606b",
    "alarm": "#c4201a", "cursor": "#80858f",
    "empty": "#5a606b", "best": "#8a6100", "last": "#333842",
    "signal": "#c4201a", "stop": "#b04a00", "resume": "#40667c",
}  # fmt: skip
_ANSI: Final = {
    "train": "bright_blue", "val": "yellow", "test": "bright_yellow", "metric": "green", "lr": "yellow",
    "grad": "magenta", "system": "cyan", "aux1": "bright_blue", "aux2": "yellow", "aux3": "green",
    "aux4": "magenta", "aux5": "cyan", "aux6": "bright_magenta",
    "alarm": "red", "signal": "red", "stop": "red", "best": "yellow", "resume": "cyan",
}  # fmt: skip
_QUIET: Final = ("axis", "label", "note", "cursor", "empty")
_BOLD: Final = ("title", "alarm", "best", "signal", "stop")
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
