"""What is remembered of how a person looks at charts, from one run and one day to the next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from guardtui.settings import Settings
from guardtui.viewmodel.chart_view import ChartView
from guardtui.viewmodel.grid import MOST_WISHED
from guardtui.viewmodel.timeline import Axis


def remembered(view: ChartView, kept: Settings, axes: Sequence[Axis]) -> ChartView:
    """The view as the person left it, as far as this run can be shown so."""
    axis = next((each for each in axes if each == kept.axis), view.options.axis)
    weight = kept.weight if 0 < kept.weight < 1 else view.options.weight
    options = replace(view.options, axis=axis, smooth=kept.smooth, weight=weight)
    columns = kept.chart_columns if 0 < kept.chart_columns <= MOST_WISHED else None
    return replace(view, options=options, columns=columns)


def to_keep(before: ChartView, after: ChartView) -> dict[str, Any]:
    """The settings that a person changed between two views; what the run made of them stays out."""
    one, other = _kept_of(before), _kept_of(after)
    return {name: value for name, value in other.items() if value != one[name]}


def _kept_of(view: ChartView) -> dict[str, Any]:
    return {
        "smooth": view.options.smooth, "weight": view.options.weight, "axis": view.options.axis,
        "chart_columns": view.columns or 0,
    }  # fmt: skip
