"""Colours of the styles, for dark and light terminals and for none.

The hues are those of Okabe and Ito's palette, which people with any kind of colour blindness can tell
apart (https://jfly.uni-koeln.de/color/), made lighter or darker until they can be read on the background.
No meaning rests on a colour alone: marks have shapes, and curves have letters where there are no colours.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Paint(NamedTuple):
    """How a style looks. ``color`` is #rrggbb, or "" for the terminal's own."""

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
    "blank": Paint(""), "title": Paint("#e8e8e8", bold=True), "axis": Paint("#5c6370"),
    "label": Paint("#9aa0ab"), "text": Paint("#c8ccd4"), "note": Paint("#9aa0ab"),
    "alarm": Paint("#ff6b5e", bold=True), "guide": Paint("#3a3f4a"), "cursor": Paint("#7d8490"),
    "empty": Paint("#9aa0ab"), "best": Paint("#ffd75f", bold=True), "last": Paint("#c8ccd4"),
    "signal": Paint("#ff6b5e", bold=True), "stop": Paint("#ff9d5c", bold=True), "resume": Paint("#8fb8d0"),
}  # fmt: skip
_LIGHT_FIXED: Final = {
    "blank": Paint(""), "title": Paint("#1c1c1c", bold=True), "axis": Paint("#8a8f98"),
    "label": Paint("#5a606b"), "text": Paint("#333842"), "note": Paint("#5a606b"),
    "alarm": Paint("#c4201a", bold=True), "guide": Paint("#d4d7dd"), "cursor": Paint("#80858f"),
    "empty": Paint("#5a606b"), "best": Paint("#8a6100", bold=True), "last": Paint("#333842"),
    "signal": Paint("#c4201a", bold=True), "stop": Paint("#b04a00", bold=True), "resume": Paint("#40667c"),
}  # fmt: skip
_DIM_SHARE: Final = 0.42
"""Of a curve's colour in its band; the rest is the background's."""


def paints(*, dark: bool, mono: bool = False, background: str = "") -> dict[str, Paint]:
    """A paint for every style of ``guardtui.chart.frame``.

    Args:
        background: #rrggbb on which the chart is drawn, into which bands fade; "" for the usual one.
    """
    fixed, curves = (_DARK_FIXED, _DARK_CURVES) if dark else (_LIGHT_FIXED, _LIGHT_CURVES)
    if mono:
        quiet = ("axis", "label", "note", "guide", "cursor", "empty")
        table = {name: Paint("", paint.bold, name in quiet) for name, paint in fixed.items()}
        return table | {
            style: Paint("", bold=bold, dim=dim)
            for role in curves
            for style, bold, dim in ((role, role in ("val", "test"), False), (f"{role}:dim", False, True))
        }
    ground = background or ("#121212" if dark else "#ffffff")
    table = dict(fixed)
    for role, color in curves.items():
        table[role] = Paint(color)
        table[f"{role}:dim"] = Paint(blend(color, ground, _DIM_SHARE))
    return table


def blend(color: str, ground: str, share: float) -> str:
    """``share`` of one #rrggbb over another."""
    pairs = zip(_channels(color), _channels(ground), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
