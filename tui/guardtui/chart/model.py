"""What a chart is asked to show: plain frozen data, made by the view model, drawn by ``chart.draw``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

CurveStyle = Literal["line", "band", "faint"]
"""line: every point drawn, and a band by itself once a dot column holds many noisy points; band: always
a dim min-max envelope with a bright mean; faint: dim, behind the others (a raw curve, another seed)."""

MarkKind = Literal["best", "last", "signal", "warning", "notice", "stop", "resume", "lr", "nonfinite"]
"""signal, warning and notice are signals of the severities act, warn and info; lr is a learning rate that
jumped."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """What lies around a mean: arrays of the length of its curve, drawn as a dim band behind it."""

    low: Floats
    high: Floats
    count: NDArray[np.intp]
    """How many runs each point is the mean of; below two there is no band."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One metric. ``x`` and ``y`` are float64 and of one length; NaN and infinities in ``y`` are drawn as
    gaps with a red mark at the chart's edge. Where ``x`` goes back a new polyline begins."""

    label: str
    x: Floats
    y: Floats
    color: str = "train"
    """A role of the palette: train, val, metric, lr, grad, system, aux1 … aux6, run1 … run10; unknown roles
    get an aux."""
    style: CurveStyle = "line"
    breaks: Sequence[int] = ()
    """Indices at which a new polyline begins though ``x`` goes on: the attempts of a resumed run."""
    past: Curve | None = None
    """What a resume has overwritten: drawn dim behind the curve, and no part of its values."""
    spread: Spread | None = None
    """This curve is a mean of several runs."""


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
    clip: bool = False
    """Extreme outliers lie outside the y axis: marked at the edge, and counted in the title."""
    x_unit: str = ""
    """As ``unit``, for x: "s" writes durations."""
    empty_text: str = "no data yet"
