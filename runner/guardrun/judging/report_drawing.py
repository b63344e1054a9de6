"""Curves of a report as SVG, drawn by matplotlib (the extra ``report``). Pure: data in, text out."""

from __future__ import annotations

import io
import math
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from guardrun.errors import UserError
from guardrun.reading.plain_text import plain

FloatArray = NDArray[np.float64]

COLOURS: Final = ("#0b66c3", "#d1495b", "#1b8a5a", "#8d5bbf", "#b7791f", "#3a7d99", "#7a7f87")
"""Told apart by people with any kind of colour vision, on white and in print."""
INK: Final = "#1f2933"
MUTED: Final = "#6b7785"
_GRID: Final = "#e4e8ec"
_SIZE: Final = (4.7, 2.9)
"""Inches. So narrow that its letters stay readable on a phone, where it fills the width."""
_FONT: Final = 9.0
_POINTS: Final = 500
_LONGEST: Final = 40
_LARGEST: Final = 1e100
"""No axis has decades for more: its margins would overflow, and every other value with them."""
_WIDE_LABEL: Final = 23
_SVG: Final = "http://www.w3.org/2000/svg"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, or the mean of several with its spread."""

    label: str
    x: FloatArray
    y: FloatArray
    colour: int = 0
    spread: FloatArray | None = None
    """Standard deviation around ``y``, of the same length."""
    faint: bool = False
    """Behind the others: raw values under their mean, members under a band."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a step."""

    x: float
    y: float | None
    """None: it belongs to the whole height."""
    label: str
    kind: str
    """best, last, act, warn, info or resume."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture with its sentence."""

    title: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    x_label: str = "step"
    log: bool = False
    from_zero: bool = False
    """Whether the x axis begins at 0."""


def drawing_or_error() -> Any:
    """matplotlib, or the sentence that names what is missing."""
    try:
        import matplotlib
    except ImportError as error:
        raise UserError(
            "guard report draws with matplotlib, which is not installed",
            hint="pip install 'guardrun[report]'",
        ) from error
    return matplotlib


def draw(chart: Chart, number: int) -> str:
    """The chart as one ``<svg>`` element without scripts, comments, links or fonts of its own.

    ``number`` keeps the ids of several pictures on one page apart. All text is escaped by the XML writer.
    """
    with _style():
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        for line in sorted(chart.lines, key=lambda each: not each.faint):
            _draw_line(axes, line)
        _scale(axes, chart)
        for mark in chart.marks:
            _draw_mark(axes, mark)
        _legend(axes)
        axes.set_xlabel(_shown(chart.x_label))
        file = io.BytesIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        with warnings.catch_warnings():
            # The reader's browser has fonts of its own for what matplotlib's lacks.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(file, format="svg", metadata=nothing)
    return _cleaned(file.getvalue(), f"c{number}", chart.title)


@contextmanager
def _style() -> Iterator[None]:
    matplotlib = drawing_or_error()
    settings = {
        "svg.fonttype": "none", "svg.hashsalt": "guardrun", "text.parse_math": False, "text.usetex": False,
        "font.family": ["sans-serif"], "font.sans-serif": ["DejaVu Sans"], "font.size": _FONT,
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#b6bec7", "axes.grid": True,
        "grid.color": _GRID, "grid.linewidth": 0.8, "axes.axisbelow": True, "text.color": INK,
        "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED, "axes.linewidth": 0.8,
        "xtick.major.size": 3, "ytick.major.size": 0, "legend.frameon": False,
        "axes.formatter.limits": (-4, 5),
        "axes.formatter.use_mathtext": False, "axes.unicode_minus": True, "path.simplify": True,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        yield


def _draw_line(axes: Any, line: Line) -> None:
    colour = COLOURS[line.colour % len(COLOURS)]
    x, y, spread = thinned(line.x, np.clip(line.y, -_LARGEST, _LARGEST), line.spread)
    if line.faint:
        axes.plot(x, y, color=colour, alpha=0.28, linewidth=0.7)
        return
    if spread is not None:
        axes.fill_between(x, y - spread, y + spread, color=colour, alpha=0.18, linewidth=0)
    single = len(x) == 1
    axes.plot(
        x, y, color=colour, linewidth=1.7, label=_shown(line.label), marker="o" if single else None,
        markersize=4, solid_joinstyle="round",
    )  # fmt: skip


_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "best": {"marker": "*", "color": "#b7791f", "markersize": 11, "markeredgecolor": "white"},
    "last": {"marker": "s", "color": INK, "markersize": 4.5, "markeredgecolor": "white"},
    "act": {"marker": "^", "color": "#b42318", "markersize": 6},
    "warn": {"marker": "^", "color": "#b7791f", "markersize": 6, "fillstyle": "none"},
    "info": {"marker": "o", "color": MUTED, "markersize": 4, "fillstyle": "none"},
    "resume": {"marker": "|", "color": MUTED, "markersize": 7},
}


def _draw_mark(axes: Any, mark: Mark) -> None:
    look = _LOOKS.get(mark.kind, _LOOKS["info"])
    if mark.y is not None and math.isfinite(mark.y):
        axes.plot([mark.x], [mark.y], linestyle="none", zorder=5, label=_shown(mark.label), **look)
        return
    axes.axvline(mark.x, color=look["color"], linewidth=0.8, linestyle=(0, (3, 3)), alpha=0.8)
    place = axes.get_xaxis_transform()
    axes.plot(
        [mark.x], [0.02], linestyle="none", transform=place, clip_on=False, zorder=5,
        label=_shown(mark.label), **look,
    )  # fmt: skip


def _scale(axes: Any, chart: Chart) -> None:
    """Limits from finite values; a logarithmic axis only where every value is positive."""
    values = np.concatenate([line.y for line in chart.lines] or [np.empty(0)])
    finite = values[np.isfinite(values)]
    if chart.log and len(finite) and float(np.min(finite)) > 0:
        from matplotlib.ticker import FuncFormatter, NullFormatter

        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    if len(finite) and float(np.ptp(finite)) == 0:
        middle = float(finite[0])
        axes.set_ylim(middle - (abs(middle) * 0.1 or 1), middle + (abs(middle) * 0.1 or 1))
    axes.margins(x=0.02)
    if chart.from_zero:
        axes.set_xlim(left=0)


def _legend(axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    by_label = {label: handle for handle, label in zip(handles, labels, strict=True) if label}
    if not by_label:
        return
    columns = 1 if max(map(len, by_label)) > _WIDE_LABEL else 2
    axes.legend(
        by_label.values(), by_label.keys(), loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns,
        borderpad=0,
        handlelength=1.4, columnspacing=1.2, labelspacing=0.25, borderaxespad=0.3, fontsize=_FONT - 0.5,
    )  # fmt: skip


def _shown(text: str) -> str:
    """Untrusted text as a label. A leading underscore would hide it from the legend."""
    short = plain(text)
    short = short if len(short) <= _LONGEST else f"{short[: _LONGEST - 1]}…"
    return f"\u2009{short}" if short.startswith("_") else short


def thinned(
    x: FloatArray, y: FloatArray, spread: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """At most about 500 columns: of each its lowest and highest value; of a band every n-th."""
    if spread is not None:
        every = max(1, len(x) // _POINTS)
        return x[::every], y[::every], spread[::every]
    if len(x) <= 2 * _POINTS:
        return x, y, None
    whole = len(y) // _POINTS * _POINTS
    blocks = y[:whole].reshape(_POINTS, -1)
    bottom = np.where(np.isnan(blocks), math.inf, blocks).argmin(axis=1)
    top = np.where(np.isnan(blocks), -math.inf, blocks).argmax(axis=1)
    base = np.arange(_POINTS) * blocks.shape[1]
    kept = np.unique(np.concatenate([base + bottom, base + top, np.arange(whole, len(y))]))
    return x[kept], y[kept], None


def smoothed(y: FloatArray, points: int) -> FloatArray:
    """A centred mean over about a twentieth of the curve, for reading a noisy one; gaps stay gaps."""
    width = max(1, points // 20) | 1
    known = np.isfinite(y)
    kernel = np.ones(width)
    total = np.convolve(np.where(known, y, 0.0), kernel, "same")
    count = np.convolve(known.astype(float), kernel, "same")
    return np.where(known, total / np.maximum(count, 1.0), math.nan)


def _cleaned(svg: bytes, prefix: str, title: str) -> str:
    """The picture without header, metadata and unused ids, those used made unique, with a title."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg)
    used = {name for node in root.iter() for name in _references(node)}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}metadata":
                parent.remove(child)
    for node in root.iter():
        _rename(node, used, prefix)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.set("role", "img")
    root.set("aria-label", plain(title))
    return ElementTree.tostring(root, encoding="unicode")


def _references(node: ElementTree.Element) -> Iterator[str]:
    for key, value in node.attrib.items():
        if key == _LINK and value.startswith("#"):
            yield value[1:]
        yield from _REFERENCE.findall(value)


def _rename(node: ElementTree.Element, used: set[str], prefix: str) -> None:
    for key, value in list(node.attrib.items()):
        if key == "id":
            if value in used:
                node.set(key, f"{prefix}-{value}")
            else:
                del node.attrib[key]
        elif key == _LINK:
            node.set(key, f"#{prefix}-{value[1:]}")
        elif "url(#" in value:
            node.set(key, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))
