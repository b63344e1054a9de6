"""What the legend of several runs says of each: its name, what sets it apart, its values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from guardtui.chart.model import Curve
from guardtui.chart.reading import nearest_index
from guardtui.summaries import better
from guardtui.text import clean
from guardtui.viewmodel.names_apart import BORDERS, shared_start
from guardtui.viewmodel.together import Row


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row says, before it is fitted."""

    row: Row
    name: str
    differs: str
    last: float | None
    best: float | None
    here: float | None
    away: float | None = None
    """Of a group: the deviation of the first value that is told."""


def entries(
    rows: Sequence[Row],
    differs: Mapping[Path, Mapping[str, str]],
    names: Mapping[Path, str],
    curve_of: Callable[[Row], Curve | None],
    mode: str,
    at: float | None,
) -> list[Entry]:
    """Each row with its values on the chart that is looked at. ``mode``: which of its values is best."""
    made, shared = [], {}
    for row in rows:
        mine = dict(differs.get(row.views[0].path, {}))
        if row.kind == "group":
            others = [differs.get(view.path, {}) for view in row.views]
            mine = {key: text for key, text in mine.items() if all(o.get(key) == text for o in others)}
            shared = mine
            name = _group_name(row)
        else:
            name = names[row.views[0].path]
            if row.kind == "member":
                mine = {key: text for key, text in mine.items() if key not in shared}
        made.append(_read(row, name, " ".join(mine.values()), curve_of(row), mode, at))
    return made


def _group_name(row: Row) -> str:
    """What its runs' names have in common, where that says anything; else that it is a group."""
    own = [clean(view.state.name) for view in row.views]
    shared = shared_start(own)
    if len(set(own)) > 1:
        # Not half a word: of "lr0.1-seed1" and "lr0.1-seed2" it is "lr0.1".
        shared = shared[: max((shared.rfind(sign) for sign in BORDERS), default=0)] if shared else ""
    return shared.rstrip(BORDERS) or f"{len(row.views)} runs"


def _read(row: Row, name: str, differs: str, curve: Curve | None, mode: str, at: float | None) -> Entry:
    if curve is None or not curve.y.size:
        return Entry(row, name, differs, None, None, None)
    index = None if at is None else nearest_index(curve.x, at)
    here = None if index is None else float(curve.y[index])
    place = curve.y.size - 1 if index is None else index
    finite = curve.y[np.isfinite(curve.y)]
    best = None
    if mode and finite.size:
        best = float(finite.max() if mode == "max" else finite.min())
    away = None
    if curve.spread is not None and curve.spread.count[place] > 1:
        away = float(curve.spread.high[place]) / 2 - float(curve.spread.low[place]) / 2
    return Entry(row, name, differs, float(curve.y[-1]), best, here, away)


def mode_of(metric: str, monitor: tuple[str, str] | None) -> str:
    """``min`` or ``max``, as the monitor or the metric's name tells; "" where neither does."""
    if monitor is not None and monitor[0] == metric:
        return monitor[1]
    return better(metric)
