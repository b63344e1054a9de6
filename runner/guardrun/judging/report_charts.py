"""Which curves a report shows, and what is marked on them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from guardrun.judging.efficiency import quality_curve
from guardrun.judging.facts import RunFacts, best_index
from guardrun.judging.report_drawing import Chart, FloatArray, Line, Mark, smoothed
from guardrun.series.ensemble import ensemble
from guardrun.series.store import Series

MOST_CHARTS: Final = 6
MOST_GROUPS: Final = 6
"""More lines in one picture nobody tells apart."""
_MOST_MARKS: Final = 6
_NOISY: Final = 120
"""A curve of so many points is drawn faintly, with its mean over it."""
_MEMBERS: Final = 8
_EXTRA: Final = ("lr", "grad_norm")
_STANDING: Final = ("test/", "gpu/", "memory/")


class Repeats(NamedTuple):
    """Runs of one configuration, and what they are called in a legend."""

    label: str
    runs: tuple[RunFacts, ...]


def charts_of(groups: Sequence[Repeats]) -> list[Chart]:
    """At most six: the monitor first, its training side with it, other metrics, quality against time."""
    shown = list(groups)[:MOST_GROUPS]
    names = _metrics(shown)
    charts = [chart for name in names if (chart := _metric_chart(name, shown)) is not None]
    cost = _quality_chart(shown)
    return [
        *charts[: MOST_CHARTS - 1],
        *([cost] if cost is not None else charts[MOST_CHARTS - 1 : MOST_CHARTS]),
    ]


def _metrics(groups: Sequence[Repeats]) -> list[str]:
    """The monitor, then the other validation metrics, then what shows the optimiser's state."""
    runs = [run for group in groups for run in group.runs]
    monitors = list(dict.fromkeys(run.monitor.name for run in runs if run.monitor is not None))
    known = list(dict.fromkeys(name for run in runs for name in run.curves))
    validation = [name for name in known if name.startswith(("val/", "eval/", "valid/"))]
    rest = [name for name in known if name.startswith("train/") and not _partner(name, validation)]
    extra = [name for name in _EXTRA if len(groups) == 1 and any(_varies(run, name) for run in runs)]
    wanted = [*monitors, *sorted(validation, key=lambda name: name.count("/")), *rest, *extra]
    return [name for name in dict.fromkeys(wanted) if not name.startswith(_STANDING)]


def _varies(run: RunFacts, name: str) -> bool:
    """Whether there is anything to see: a constant rate is told by the configuration."""
    series = run.curves.get(name)
    return series is not None and len(np.unique(series.value)) > 1


def _partner(name: str, among: Iterable[str]) -> str | None:
    """val/loss -> train/loss and back, where it is there."""
    own = name.partition("/")[2]
    return next((other for other in among if other != name and other.partition("/")[2] == own and own), None)


def _metric_chart(name: str, groups: Sequence[Repeats]) -> Chart | None:
    lines: list[Line] = []
    several = len(groups) > 1
    for colour, group in enumerate(groups):
        lines += _group_lines(name, group.label if several else name, group.runs, colour)
        partner = None if several else _partner(name, (n for run in group.runs for n in run.curves))
        if partner is not None and partner.startswith("train/"):
            lines += _group_lines(partner, partner, group.runs, 6)
    if not lines:
        return None
    runs = [run for group in groups for run in group.runs]
    marks = (*_marks(name, runs), *_left_out_marks(name, groups))
    return Chart(name, tuple(lines), marks, log=_spans_decades(lines, name))


def _group_lines(name: str, label: str, runs: Sequence[RunFacts], colour: int) -> list[Line]:
    """One run: its curve. Several: their mean, a band of one standard deviation, each faintly."""
    curves = [_xy(run.curves[name]) for run in runs if name in run.curves]
    if not curves:
        return []
    if len(curves) == 1:
        x, y = curves[0]
        if len(x) < _NOISY:
            return [Line(label, x, y, colour)]
        return [Line(label, x, y, colour, faint=True), Line(label, x, smoothed(y, len(y)), colour)]
    if min(len(x) for x, _ in curves) >= _NOISY:
        curves = [(x, smoothed(y, len(y))) for x, y in curves]
    found = ensemble(curves)
    # One run beyond the end of all others is no mean; its own line shows it.
    mean = np.where(found.count >= 2, found.mean, math.nan)
    members = [Line(label, mx, my, colour, faint=True) for mx, my in curves[:_MEMBERS]]
    return [*members, Line(f"{label}, mean ± std of {len(curves)}", found.x, mean, colour, found.std)]


def _xy(series: Series) -> tuple[FloatArray, FloatArray]:
    """Steps and values; what is not finite is a gap."""
    kept = np.isfinite(series.step)
    value = np.where(np.isfinite(series.value), series.value, math.nan)
    return series.step[kept], value[kept]


def _marks(name: str, runs: Sequence[RunFacts]) -> Iterator[Mark]:
    alone = len(runs) == 1
    for run in runs:
        if run.monitor is not None and run.monitor.name == name and name in run.curves:
            series = run.curves[name]
            yield from _checkpoint_marks(run, series, alone)
    worst = [signal for run in runs for signal in run.signals]
    worst.sort(key=lambda signal: {"act": 0, "warn": 1}.get(signal.severity, 2))
    for signal in worst[:_MOST_MARKS]:
        yield Mark(float(signal.first_step), None, f"signal {signal.id}", signal.severity)
    if alone:
        for attempt in runs[0].attempts[1:]:
            yield Mark(float(attempt.from_step), None, "resumed", "resume")


def _left_out_marks(name: str, groups: Sequence[Repeats]) -> list[Mark]:
    """Where a mean goes on without one of its runs, because that one's value is no number."""
    found = []
    for group in groups:
        for run in group.runs if len(group.runs) > 1 else ():
            series = run.curves.get(name)
            if series is not None and len(bad := np.flatnonzero(~np.isfinite(series.value))):
                who = run.run_id if run.seed is None else f"seed {run.seed}"
                value = "NaN" if np.isnan(series.value[bad[0]]) else "infinite"
                whose = f"{group.label}, " if len(groups) > 1 else ""
                found.append(Mark(float(series.step[bad[0]]), None, f"{whose}{who} is {value}", "act"))
    return found[:_MOST_MARKS]


def _checkpoint_marks(run: RunFacts, series: Series, alone: bool) -> Iterator[Mark]:
    """On the curve of the monitor: the best checkpoint, of a single run the last one, too."""
    kept = [(run.best_checkpoint, "best"), (run.last_checkpoint, "last")]
    for ref, kind in kept if alone else kept[:1]:
        if ref is None:
            continue
        near = np.flatnonzero((series.step == ref.step) & np.isfinite(series.value))
        if len(near):
            yield Mark(float(ref.step), float(series.value[near[-1]]), f"{kind} checkpoint", kind)
        elif kind == "best" and run.monitor is not None and ref.metric is not None:
            yield Mark(float(ref.step), ref.metric, f"{kind} checkpoint", kind)


def _spans_decades(lines: Sequence[Line], name: str) -> bool:
    """Whether a logarithmic axis shows more: a positive loss that falls by far."""
    values = np.concatenate([line.y for line in lines])
    finite = values[np.isfinite(values)]
    falls = any(word in name for word in ("loss", "error", "perplexity", "grad_norm"))
    if not falls or not len(finite) or float(finite.min()) <= 0:
        return False
    return float(finite.max()) / float(finite.min()) > 50


def _quality_chart(groups: Sequence[Repeats]) -> Chart | None:
    """The best value so far against training time, one line a group (its run with the best end)."""
    points = [(group, quality_curve(run)) for group in groups for run in [_typical(group)] if run is not None]
    points = [(group, curve) for group, curve in points if len(curve) > 1]
    if not points:
        return None
    longest = max(curve[-1].hours for _, curve in points)
    unit, factor = (
        ("hours", 1.0) if longest >= 2 else ("minutes", 60.0) if longest >= 0.05 else ("seconds", 3600.0)
    )
    lines = []
    for number, (group, curve) in enumerate(points):
        x = np.array([point.hours * factor for point in curve])
        y = np.array([point.best for point in curve])
        steps_x, steps_y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
        label = group.label if len(groups) > 1 else "best so far"
        lines.append(Line(label, steps_x, steps_y, number))
    metric = next(run.monitor.name for group, _ in points for run in group.runs if run.monitor is not None)
    return Chart(f"best {metric} against time", tuple(lines), x_label=f"{unit} of training", from_zero=True,
                 log=_spans_decades(lines, metric))  # fmt: skip


def _typical(group: Repeats) -> RunFacts | None:
    """The run whose best value is the median of its group."""
    known = [run for run in group.runs if run.best is not None]
    known.sort(key=lambda run: run.best.value if run.best else 0.0)
    return known[len(known) // 2] if known else None


def last_values(runs: Sequence[RunFacts], prefix: str) -> Mapping[str, list[float]]:
    """Metric -> the last finite value of each run that has it."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for name in run.curves:
            if name.startswith(prefix) and best_index(run.curves[name], "max") is not None:
                finite = run.curves[name].value[np.isfinite(run.curves[name].value)]
                found.setdefault(name, []).append(float(finite[-1]))
    return found
