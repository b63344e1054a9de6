"""One chart as a file: its numbers as CSV, or a picture as SVG or PNG (matplotlib, the extra ``report``).

Pure: a model in, bytes out; ``guardtui.saving`` writes them. Pictures are drawn without a display, so they
work over SSH.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from guardrun.series.downsample import monotone_pieces
from guardrun.series.smoothing import debiased_ema
from guardtui.chart.clipping import core_range
from guardtui.chart.frame import STYLES, role_style
from guardtui.chart.model import ChartModel, Curve, Floats, Mark
from guardtui.chart.palette import paints
from guardtui.chart.ticks import short, step_text
from guardtui.text import clean

KINDS: Final = ("svg", "png", "csv")
_SIZE, _DPI = (9.0, 5.0), 150
_MOST_POINTS: Final = 8000
"""Points of one line in a picture: more than it has pixels, few enough for a small SVG."""
_LARGEST: Final = 1e300
"""Beyond it a drawing library's differences overflow."""
_LONGEST: Final = 60
_FORMULA: Final = ("=", "+", "-", "@", "\t")


class ExportError(Exception):
    """Why there is no file, and what to do about it."""


def exported(model: ChartModel, kind: str) -> bytes:
    """The chart as a file of this kind."""
    return csv_of(model) if kind == "csv" else picture_of(model, kind)


def csv_of(model: ChartModel) -> bytes:
    """Every point of every curve, one a row: curve, x, value, and the smoothed value where it is shown.

    All digits are kept; NaN and infinities are written as NaN, inf and -inf.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    smooth = model.smoothing > 0
    header = ["curve", model.x_label or "x", "value"]
    writer.writerow([*header, f"smoothed_{model.smoothing:g}"] if smooth else header)
    for curve in model.curves:
        columns = [curve.x, curve.y, *([_smoothed(curve, model.smoothing)] if smooth else [])]
        label = _cell(curve.label)
        for row in zip(*(column.tolist() for column in columns), strict=True):
            writer.writerow([label, *(_digits(value) for value in row)])
    return text.getvalue().encode()


def _cell(text: str) -> str:
    """Untrusted text that no spreadsheet takes for a formula."""
    text = clean(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _digits(value: float) -> str:
    """As many digits as are needed to read the same number again."""
    if value != value:
        return "NaN"
    return str(int(value)) if value == round(value, 0) and abs(value) < 1e15 else repr(value)


def _smoothed(curve: Curve, weight: float) -> Floats:
    pieces = monotone_pieces(np.nan_to_num(curve.x), curve.breaks)
    return np.concatenate([debiased_ema(curve.y[piece], weight) for piece in pieces] or [np.empty(0)])


def picture_of(model: ChartModel, kind: str) -> bytes:
    """The chart as it is shown (window, scale, smoothing), on white."""
    with _drawing():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        (FigureCanvasSVG if kind == "svg" else FigureCanvasAgg)(figure)
        axes = figure.add_subplot()
        for curve in model.curves:
            _draw_curve(axes, curve, model)
        low, high = model.x_range or (-np.inf, np.inf)
        for mark in model.marks:
            if np.isfinite(mark.x) and low <= mark.x <= high:
                _draw_mark(axes, mark)
        _draw_axes(axes, model)
        file = io.BytesIO()
        figure.savefig(file, format=kind, dpi=_DPI, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()


@contextmanager
def _drawing() -> Iterator[None]:
    """matplotlib with our looks; nothing in a text is markup."""
    try:
        import matplotlib
    except ImportError as error:
        raise ExportError(
            "pictures need matplotlib: pip install 'guardrun[report]'; CSV works without it"
        ) from error
    looks: Any = {
        "svg.fonttype": "none", "text.parse_math": False, "text.usetex": False, "font.size": 10.0,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e6e9ec",
        "axes.axisbelow": True, "legend.frameon": False, "axes.formatter.use_mathtext": False,
    }  # fmt: skip
    with matplotlib.rc_context(looks), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _draw_curve(axes: Any, curve: Curve, model: ChartModel) -> None:
    """The raw points dim behind the smoothed line, where that is shown."""
    table = paints(dark=False)
    color = table[STYLES[role_style(curve.color)]].color
    look: dict[str, Any] = {"color": color, "linewidth": 1.6, "label": _label(curve.label)}
    faint = {"color": color, "linewidth": 0.7, "alpha": 0.3}
    if curve.past is not None:
        _draw_line(axes, curve.past, curve.past.y, faint)
    if curve.spread is not None:
        seen = curve.spread.count > 1
        low, high = (np.where(seen, each, np.nan) for each in (curve.spread.low, curve.spread.high))
        axes.fill_between(curve.x, low, high, color=color, alpha=0.18, linewidth=0)
    if model.smoothing > 0 and curve.style != "faint":
        _draw_line(axes, curve, curve.y, faint)
        _draw_line(axes, curve, _smoothed(curve, model.smoothing), look)
    else:
        _draw_line(axes, curve, curve.y, faint if curve.style == "faint" else look)


def _draw_line(axes: Any, curve: Curve, y: Floats, look: dict[str, Any]) -> None:
    """One polyline an attempt; what is not finite is a gap. Only the first one is in the legend."""
    finite = np.where(np.isfinite(y), np.clip(y, -_LARGEST, _LARGEST), np.nan)
    for number, piece in enumerate(monotone_pieces(np.nan_to_num(curve.x), curve.breaks)):
        x, values = _thinned(curve.x[piece], finite[piece])
        alone = {"marker": "o", "markersize": 3} if np.count_nonzero(np.isfinite(values)) == 1 else {}
        axes.plot(x, values, **{**look, **({"label": None} if number else {}), **alone})


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The lowest and the highest point of each of many blocks, and every point that begins or ends a gap."""
    if x.size <= _MOST_POINTS:
        return x, y
    size = -(-x.size // (_MOST_POINTS // 2))
    starts = np.arange(0, x.size, size)
    padded = np.full(starts.size * size, np.nan)
    padded[: x.size] = y
    blocks = padded.reshape(-1, size)
    low = np.where(np.isnan(blocks), np.inf, blocks).argmin(axis=1) + starts
    high = np.where(np.isnan(blocks), -np.inf, blocks).argmax(axis=1) + starts
    gaps = np.flatnonzero(np.isnan(y[1:]) != np.isnan(y[:-1]))
    kept = np.unique(np.concatenate([low, high, gaps, gaps + 1, [0, x.size - 1]]))
    kept = kept[kept < x.size]
    return x[kept], y[kept]


_SIGNS: Final = {
    "best": "*", "last": "D", "signal": "^", "warning": "^", "notice": "o", "stop": "s", "resume": "|",
    "lr": "v", "nonfinite": "x",
}  # fmt: skip


def _draw_mark(axes: Any, mark: Mark) -> None:
    """A sign on the axis, named in the legend."""
    color = paints(dark=False).get(mark.kind, paints(dark=False)["label"]).color
    axes.axvline(mark.x, color=color, linewidth=0.7, linestyle=(0, (2, 4)))
    axes.plot(
        [mark.x], [0.0], linestyle="none", marker=_SIGNS.get(mark.kind, "o"), color=color, markersize=6,
        transform=axes.get_xaxis_transform(), clip_on=False, zorder=5, label=_label(mark.text or mark.kind),
    )  # fmt: skip


def _draw_axes(axes: Any, model: ChartModel) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    known_unit = model.unit in ("s", "B", "%")
    title = _label(model.title) + (f" ({_label(model.unit)})" if model.unit and not known_unit else "")
    notes = [f"smoothed {model.smoothing:g}"] if model.smoothing > 0 else []
    if model.log_y and any((curve.y > 0).any() for curve in model.curves):
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_minor_formatter(NullFormatter())
    if model.x_range is not None:
        axes.set_xlim(*model.x_range)
    notes += _limit_values(axes, model)
    axes.set_title(", ".join([title, *notes]), loc="left", fontweight="bold")
    axes.set_xlabel(_label(model.x_label))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: step_text(value, model.x_unit)))
    if known_unit:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value, model.unit)))
    else:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    handles, labels = axes.get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    if named:
        axes.legend(named.values(), named.keys(), loc="best", fontsize=9)


def _limit_values(axes: Any, model: ChartModel) -> list[str]:
    """A y axis for what is in view, without outliers where they are clipped; never silently."""
    low, high = model.x_range or (-np.inf, np.inf)
    seen = [curve.y[np.isfinite(curve.y) & (curve.x >= low) & (curve.x <= high)] for curve in model.curves]
    values = np.concatenate(seen or [np.empty(0)])
    values = values[values > 0] if model.log_y else values
    if not values.size:
        return []
    bottom, top = float(values.min()), float(values.max())
    ranges = [core for core in (core_range(each) for each in seen if each.size) if core is not None]
    outside = 0
    if model.clip and not model.log_y and ranges:
        bottom, top = min(pair[0] for pair in ranges), max(pair[1] for pair in ranges)
        outside = int(np.count_nonzero((values < bottom) | (values > top)))
    if not model.log_y and bottom < top:
        bottom, top = max(bottom, -_LARGEST), min(top, _LARGEST)
        room = 0.05 * (top - bottom)
        axes.set_ylim(bottom - room, top + room)
    return [f"{outside} outliers outside"] if outside else []


def _label(text: str) -> str:
    """Untrusted text as a label; a leading underscore would hide it from the legend."""
    text = clean(text)
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return f"\u2009{text}" if text.startswith("_") else text
