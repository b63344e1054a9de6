"""The ranks of a run side by side: who is slow, whose numbers differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from guardrun.series.store import Series
from guardrun.signals.rules.straggler import SLOWER, WAITS, WINDOW
from guardtui import formatting
from guardtui.chart.model import ChartModel, Curve
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Line, fit, line
from guardtui.viewmodel.tables import Column, cell, table_lines

_MOST_CURVES: Final = 6
_COLORS: Final = ("aux1", "aux2", "aux3", "aux4", "aux5", "aux6")
_LOSSES: Final = ("train/loss",)
_COLUMNS: Final = (
    Column("rank", right=True, rank=0), Column("step", right=True, rank=1),
    Column("step time", right=True, rank=1), Column("", right=True, rank=2),
    Column("data time", right=True, rank=3), Column("loss", right=True, rank=4),
    Column("last event", right=True, rank=5), Column("GPU memory", right=True, rank=6),
    Column("", rank=2),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rank:
    """One process at its newest numbers."""

    number: int
    step: int | None
    step_time: float | None
    """Median of the recent steps, in seconds."""
    data_time: float | None
    loss: float | None
    memory: float | None
    """Bytes that the process holds on its GPU."""
    t: float | None
    """Of its newest event."""


class Slow(NamedTuple):
    """The rank that the others wait for, and what tells it."""

    number: int
    by: Literal["step", "data"]
    value: float
    """Its seconds."""
    others: float
    """Those of the median rank."""


def ranks_of(series: Mapping[int, Mapping[str, Series]]) -> list[Rank]:
    """Every rank that wrote anything."""
    return [_rank(number, curves) for number, curves in sorted(series.items()) if curves]


def _rank(number: int, curves: Mapping[str, Series]) -> Rank:
    filled = [each for each in curves.values() if len(each)]
    steps = [float(each.step[-1]) for each in filled if np.isfinite(each.step[-1])]
    return Rank(
        number,
        int(max(steps)) if steps else None,
        _recent(curves, "step_time"),
        _recent(curves, "data_time"),
        _newest(curves, *_LOSSES),
        _newest(curves, "gpu/memory_allocated_bytes", "gpu/memory_reserved_bytes"),
        max((float(each.t[-1]) for each in filled), default=None),
    )


def _recent(curves: Mapping[str, Series], name: str) -> float | None:
    values = curves[name].value[-WINDOW:] if name in curves else np.empty(0)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else None


def _newest(curves: Mapping[str, Series], *names: str) -> float | None:
    return next(
        (float(curves[name].value[-1]) for name in names if name in curves and len(curves[name])), None
    )


def slowest(ranks: list[Rank]) -> Slow | None:
    """The rank that the others wait for, by the measures of the signal ``straggler``; None when none is.

    Ranks that exchange gradients wait for each other, so that their step times are equal: then the time
    that one of them waits for its data tells.
    """
    paces = {rank.number: rank.step_time for rank in ranks if rank.step_time}
    waits = {rank.number: rank.data_time for rank in ranks if rank.data_time is not None}
    if len(paces) < 2:
        return None
    usual = _usual(paces)
    number = max(paces, key=lambda each: paces[each])
    if paces[number] > SLOWER * usual:
        return Slow(number, "step", paces[number], usual)
    if len(waits) > 1:
        number = max(waits, key=lambda each: waits[each])
        if waits[number] - _usual(waits) > WAITS * usual:
            return Slow(number, "data", waits[number], _usual(waits))
    return None


def _usual(values: Mapping[int, float]) -> float:
    """Of the median rank; of two ranks the quicker."""
    ordered = sorted(values.values())
    return ordered[(len(ordered) - 1) // 2]


def rank_lines(ranks: list[Rank], view: RunView, width: int, g: Glyphs) -> list[Line]:
    """What stands out in a sentence, then the table."""
    slow = slowest(ranks)
    last_step = max((rank.step for rank in ranks if rank.step is not None), default=None)
    newest = max((rank.t for rank in ranks if rank.t is not None), default=None)
    paces = {rank.number: rank.step_time for rank in ranks if rank.step_time}
    usual = _usual(paces) if paces else 0.0
    rows = []
    for rank in ranks:
        named = slow is not None and slow.number == rank.number
        late = named and slow is not None and slow.by == "data"
        behind = (last_step - rank.step) if last_step is not None and rank.step is not None else 0
        remarks = [
            f"{g.warn} slowest" if named else "",
            f"{formatting.count(behind)} steps behind" if behind > 1 else "",
        ]
        deviation = (rank.step_time / usual - 1) * 100 if rank.step_time and usual else None
        rows.append((
            cell(str(rank.number), "strong" if named else "text"),
            cell(formatting.count(rank.step)),
            cell(_seconds(rank.step_time), "warn" if named and not late else "text"),
            cell("" if deviation is None else f"{deviation:+.0f}%".replace("-0", "+0"), "dim"),
            cell(_seconds(rank.data_time), "warn" if late else "text"),
            cell(formatting.number(rank.loss)),
            cell(_age(rank, newest, view), "dim"),
            cell("" if rank.memory is None else formatting.size(rank.memory)),
            cell(", ".join(filter(None, remarks)), "warn"),
        ))  # fmt: skip
    return [fit(_verdict(ranks, slow, g), width), (), *table_lines(_COLUMNS, rows, width)]


def _verdict(ranks: list[Rank], slow: Slow | None, g: Glyphs) -> Line:
    if slow is not None:
        what = "waits for its data" if slow.by == "data" else "takes"
        return line(
            (f"{g.warn} rank {slow.number} is the slowest", "warn"),
            (f"  {what} {_seconds(slow.value)} a step, others {_seconds(slow.others)}", "text"),
        )
    if not any(rank.step_time for rank in ranks):
        return line((f"{len(ranks)} ranks; none tells its step time", "dim"))
    return line((f"{g.done} {len(ranks)} ranks, none of them slow", "good"))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value * 1000:.4g} ms" if value < 1 else f"{value:.4g} s"


def _age(rank: Rank, newest: float | None, view: RunView) -> str:
    if rank.t is None or newest is None:
        return ""
    silent = newest - rank.t
    return formatting.age(silent + (view.age_s or 0.0)) if view.state.status.live else (
        "" if silent < 1 else f"{formatting.brief(silent)} before"
    )  # fmt: skip


def few_ranks_words(ranks: list[Rank], view: RunView) -> str:
    """Why there is nothing to compare; "" when there is."""
    if len(ranks) > 1:
        return ""
    if view.state.ranks > 1:
        return f"{view.state.ranks} ranks were started, but only one of them has written numbers so far."
    return "This run has one process: there are no other ranks to compare it with."


def times_chart(
    series: Mapping[int, Mapping[str, Series]], ranks: list[Rank], slow: Slow | None
) -> ChartModel:
    """Step time by rank, or data time where that is what tells; of many ranks the slowest and the fastest."""
    name, title = ("data_time", "data time") if slow and slow.by == "data" else ("step_time", "step time")
    timed = sorted(
        (rank for rank in ranks if name in series[rank.number] and getattr(rank, name) is not None),
        key=lambda rank: -float(getattr(rank, name)),
    )
    shown = timed if len(timed) <= _MOST_CURVES else [*timed[: _MOST_CURVES - 1], timed[-1]]
    curves = []
    for place, rank in enumerate(sorted(shown, key=lambda rank: rank.number)):
        curve = series[rank.number][name]
        curves.append(Curve(f"rank {rank.number}", curve.step, curve.value, _COLORS[place]))
    left = len(timed) - len(shown)
    some = f" ({len(shown)} of {len(timed)}: slowest and fastest)" if left else ""
    return ChartModel(
        f"{title} by rank{some}", tuple(curves), unit="s", empty_text=f"no rank tells its {title}"
    )
