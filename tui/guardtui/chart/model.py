"""What a chart is asked to show: plain frozen data, made by the view model, drawn by ``chart.draw``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

CurveStyle = Literal["line", "band", "faint"]
"""line: every point drawn, and a band by itself once a dot column holds many noisy points; band: always
a dim min-max envelope with a bright mean; faint: dim, behind the others (a raw curve, another seed)."""

MarkKind = Literal["best", "last", "signal", "stop", "resume", "nonfinite"]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One metric. ``x`` and ``y`` are float64 and of one length; NaN and infinities in ``y`` are drawn as
    gaps with a red mark at the chart's edge. Where ``x`` goes back (a resume) a new polyline begins."""

    label: str
    x: Floats
    y: Floats
    color: str = "train"
    """A role of the palette: train, val, metric, lr, grad, system, aux1 … aux6; unknown roles get an aux."""
    style: CurveStyle = "line"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at ``x``: drawn on the axis row, and named in the readout near it."""

    x: float
    kind: MarkKind
    text: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ChartModel:
    """Everything one chart shows. Texts must be plain (no control characters)."""

    title: str
    curves: tuple[Curve, ...] = ()
    marks: tuple[Mark, ...] = ()
    x_label: str = "step"
    unit: str = ""
    """Of y: "s" durations, "B" bytes, "%" percent (of 0..100); anything else is named in the title."""
    log_y: bool = False
    """Zero and negative values become gaps, and the title says how many."""
    x_range: tuple[float, float] | None = None
    """The window to show (zoom, or 0..total_steps); None: the data's range in steps that rarely move."""
    readout: float | None = None
    """An x whose values the title row shows instead of the newest ones, with a cursor line."""
    smoothing: float = 0.0
    """Weight of a debiased exponential average in [0, 1); above 0 the raw curves are drawn dim behind."""
    x_unit: str = ""
    """As ``unit``, for x: "s" writes durations."""
    empty_text: str = "no data yet"
