"""A few curves as a small SVG picture for a page of any colour. Pure: numbers in, text out."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from guardrun.reading.plain_text import plain
from guardrun.series.downsample import Floats, column_spans, usable_x

COLOURS: Final = ("#3d85c6", "#d9772b", "#4f9d69", "#a06cc4")
"""Of middle brightness: they stand out from white and from black."""
_ALARM: Final = "#d64545"
_WIDTH, _HEIGHT = 330, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 22, 18
_COLUMNS: Final = _WIDTH - _LEFT - _RIGHT
_LONGEST: Final = 24


class Line(NamedTuple):
    """One curve; what is not finite is a gap, and is told."""

    label: str
    x: Floats
    y: Floats


def curve_svg(lines: Sequence[Line]) -> str:
    """One ``<svg>`` element without scripts, links, ids or styles that reach beyond it.

    Text has the page's own colour. All labels are escaped.
    """
    lines = [_sound(line) for line in lines]
    x_low, x_high = _limits([line.x for line in lines])
    y_low, y_high = _limits([line.y for line in lines])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" font-family="sans-serif" font-size="10.5" fill="currentColor">',
        *_frame(x_low, x_high, y_low, y_high),
    ]
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        edges = np.linspace(x_low, x_high, _COLUMNS + 1)
        scale = _COLUMNS / (x_high - x_low), (_HEIGHT - _TOP - _BOTTOM) / (y_high - y_low)
        parts += _curve(line, edges, scale, (x_low, y_low), colour)
    parts += [*_first_bad(lines, x_low, x_high), *_legend(lines)]
    return "".join([*parts, "</svg>"])


def _sound(line: Line) -> Line:
    """In the order of x, and without what has no place on an axis."""
    kept = usable_x(line.x)
    x, y = line.x[kept], line.y[kept]
    order = np.argsort(x, kind="stable")
    return Line(line.label, x[order], np.where(np.abs(y[order]) < 1e300, y[order], np.nan))


def _limits(values: Sequence[Floats]) -> tuple[float, float]:
    known = np.concatenate([one[np.isfinite(one)] for one in values] or [np.empty(0)])
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if low < high and math.isfinite(1 / (high - low)):
        return low, high
    room = abs(low) * 0.1 or 0.5
    return low - room, high + room


def _frame(x_low: float, x_high: float, y_low: float, y_high: float) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for y in (_TOP, (_TOP + bottom) / 2, bottom):
        yield f'<path d="M{_LEFT} {y:g}H{right}" stroke="currentColor" stroke-opacity=".18"/>'
    muted = 'opacity=".65"'
    yield f'<text x="{_LEFT - 5}" y="{_TOP + 4}" text-anchor="end" {muted}>{y_high:.3g}</text>'
    yield f'<text x="{_LEFT - 5}" y="{bottom + 3}" text-anchor="end" {muted}>{y_low:.3g}</text>'
    yield f'<text x="{_LEFT}" y="{_HEIGHT - 5}" {muted}>{x_low:,.6g}</text>'
    yield f'<text x="{right}" y="{_HEIGHT - 5}" text-anchor="end" {muted}>step {x_high:,.12g}</text>'


def _curve(
    line: Line, edges: Floats, scale: tuple[float, float], origin: tuple[float, float], colour: str
) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    pen = f'fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round"'
    if len(line.x) > _COLUMNS:  # more points than pixels: from the lowest to the highest of each column
        spans = column_spans(line.x, line.y, edges)
        path = "".join(
            f"M{_LEFT + column + 0.5:g} {bottom - (low - origin[1]) * scale[1]:.1f}V"
            f"{bottom - (high - origin[1]) * scale[1]:.1f}"
            for column, low, high in zip(
                spans.column.tolist(), spans.low.tolist(), spans.high.tolist(), strict=True
            )
        )
        yield f'<path d="{path}" {pen}/>'
    else:
        yield from _polyline(line, scale, origin, pen, colour)


def _first_bad(lines: Sequence[Line], x_low: float, x_high: float) -> Iterator[str]:
    """Where the first NaN or infinity is: the curve has only a gap there, or its end."""
    bad = [float(line.x[~np.isfinite(line.y)][0]) for line in lines if not np.isfinite(line.y).all()]
    if bad:
        at = _LEFT + (min(bad) - x_low) * _COLUMNS / (x_high - x_low)
        side, away = ("end", -4) if at > _WIDTH / 2 else ("start", 4)
        yield (
            f'<path d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="{_ALARM}" stroke-dasharray="3 3"/>'
            f'<text x="{at + away:.1f}" y="{_TOP + 12}" fill="{_ALARM}" text-anchor="{side}">'
            f"not finite at {min(bad):,.12g}</text>"
        )


def _polyline(
    line: Line, scale: tuple[float, float], origin: tuple[float, float], pen: str, colour: str
) -> Iterator[str]:
    """Few points: each where it is, and a dot for one that stands alone."""
    path, joined = "", False
    points = list(zip(line.x.tolist(), line.y.tolist(), strict=True))
    for x, y in points:
        if not math.isfinite(y):
            joined = False
            continue
        across = _LEFT + (x - origin[0]) * scale[0]
        down = _HEIGHT - _BOTTOM - (y - origin[1]) * scale[1]
        path += f"{'L' if joined else 'M'}{across:.1f} {down:.1f}"
        joined = True
        if len(points) <= 12:
            yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="2.2" fill="{colour}"/>'
    if path:
        yield f'<path d="{path}" {pen}/>'


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    across = float(_LEFT)
    for number, line in enumerate(lines):
        label = plain(line.label)
        label = label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
        last = f" {_number(line.y[-1])}" if line.y.size else ""
        colour = COLOURS[number % len(COLOURS)]
        yield f'<path d="M{across:.0f} 10h10" stroke="{colour}" stroke-width="2.5"/>'
        yield (
            f'<text x="{across + 14:.0f}" y="14">{html.escape(label)}'
            f'<tspan font-weight="bold">{last}</tspan></text>'
        )
        across += 24 + 6.1 * len(label + last)


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "not finite"
