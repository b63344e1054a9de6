"""The columns of the list of runs: what each cell says, and when a column is of use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from guardrun.state.log_words import tool_of
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, Tone, clean, column, line, shorten, shorten_start, width_of
from guardtui.viewmodel.faces import signal_words, status_face
from guardtui.viewmodel.ordering import live_rate
from guardtui.viewmodel.progress import bar, eta_words, fraction
from guardtui.viewmodel.trend import trend


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its cells, how wide it may be, and how readily it is given up."""

    title: str
    least: int
    most: int
    """Beyond that more room would be of no use."""
    rank: int
    """0 is never dropped; higher ranks go first when room is short."""
    cell: Callable[[RunView, int, Glyphs], Line]
    right: bool = False
    useful: Callable[[RunView], bool] = lambda view: True
    """Whether it tells anything of a run; a column that tells nothing of any run is not shown."""


def _status(view: RunView, width: int, g: Glyphs) -> Line:
    face = status_face(view.state.status, g)
    return line((f"{face.shape} {face.word}", face.tone))


def name_cell(view: RunView, width: int, g: Glyphs) -> Line:
    """Name and group. The name of a log of another tool is a path, of which the end tells most."""
    full = clean(view.state.name) or clean(view.path.name)
    name = shorten_start(full, width) if view.state.source else shorten(full, width)
    group = clean(view.state.group or "")
    room = width - width_of(line(name)) - 2
    return line((name, "strong"), (f"  {shorten(group, room)}" if group and room >= 4 else "", "dim"))


def _tool(view: RunView, width: int, g: Glyphs) -> Line:
    return line((clean(tool_of(view.state.source)), "dim"))


def _tags(view: RunView, width: int, g: Glyphs) -> Line:
    return line((" ".join(f"#{clean(tag)}" for tag in view.state.tags), "info"))


def _progress(view: RunView, width: int, g: Glyphs) -> Line:
    part = fraction(view.state)
    if part is None:
        steps = formatting.count(view.state.step)
        if len(steps) > width:
            steps = formatting.number(view.state.step)  # 1e18: never a number that lost its end
        return line((steps if len(steps) + 5 > width else f"step {steps}", "dim")) if view.state.step else ()
    drawn = bar(view.state, width - 5, g)
    return (Bit(column(formatting.percent(part), 4, right=True)), *((Bit(" "), *drawn) if drawn else ()))


def _eta(view: RunView, width: int, g: Glyphs) -> Line:
    return line(eta_words(view.state))


def _metric(view: RunView, width: int, g: Glyphs) -> Line:
    monitor = view.state.monitor
    return line((clean(monitor.name), "dim")) if monitor else ()


def _number(value: float | None, tone: Tone) -> Line:
    text = formatting.number(value)
    return line((text, "bad" if text in ("NaN", "inf", "-inf") else "dim" if value is None else tone))


def _last(view: RunView, width: int, g: Glyphs) -> Line:
    return _number(view.state.monitor.last if view.state.monitor else None, "text")


def _best(view: RunView, width: int, g: Glyphs) -> Line:
    return _number(view.state.monitor.best if view.state.monitor else None, "strong")


def _trend(view: RunView, width: int, g: Glyphs) -> Line:
    return trend(view.trend, width, g)


def _rate(view: RunView, width: int, g: Glyphs) -> Line:
    return line(rate_words(live_rate(view)))


def rate_words(per_second: float | None) -> str:
    """Steps in the unit that is readable, in at most seven cells.

    >>> [rate_words(value) for value in (None, 0.0, 318.5, 20.0, 0.31, 0.005, 0.0001, 2e6)]
    ['', '', '318/s', '20.0/s', '19/min', '18/h', '0.4/h', '2000k/s']
    """
    if per_second is None or not math.isfinite(per_second) or per_second <= 0:
        return ""
    if per_second >= 100_000:
        return f"{min(per_second, 9_999_000) / 1000:.0f}k/s"
    if per_second >= 1:
        return f"{per_second:.1f}/s" if per_second < 100 else f"{per_second:.0f}/s"
    if per_second >= 1 / 60:
        return f"{per_second * 60:.0f}/min"
    return f"{per_second * 3600:.0f}/h" if per_second >= 1 / 3600 else f"{per_second * 3600:.1f}/h"


def _gpu(view: RunView, width: int, g: Glyphs) -> Line:
    if view.gpu is None or view.gpu.utilization is None:
        return ()
    share = f"{view.gpu.utilization:.0f}%"
    many = f"{view.gpu.count}x " if view.gpu.count > 1 else ""
    return line((many if len(many) + len(share) <= width else "", "dim"), share)


def _memory(view: RunView, width: int, g: Glyphs) -> Line:
    gpu = view.gpu
    if gpu is None or gpu.memory_bytes is None:
        return ()
    used = formatting.size(gpu.memory_bytes)
    if not gpu.total_bytes:
        return line(used)
    tone: Tone = "warn" if gpu.memory_bytes > 0.95 * gpu.total_bytes else "text"
    number, full = f"{gpu.memory_bytes / 1e9:.1f}", f"/{gpu.total_bytes / 1e9:.0f} GB"
    if len(number) + len(full) > width:
        return line((used, tone))
    return line((number, tone), (full, "dim"))


def _signal(view: RunView, width: int, g: Glyphs) -> Line:
    return signal_words(view.state, g, message=width >= 32)


def _host(view: RunView, width: int, g: Glyphs) -> Line:
    return line((clean(view.state.host), "dim"))


def _age(view: RunView, width: int, g: Glyphs) -> Line:
    return line((formatting.age(view.age_s), "dim"))


def _has_gpu(view: RunView) -> bool:
    return view.gpu is not None


def _has_tag(view: RunView) -> bool:
    return bool(view.state.tags)


def _has_monitor(view: RunView) -> bool:
    return view.state.monitor is not None


def _is_live(view: RunView) -> bool:
    return view.state.status.live


def _is_log(view: RunView) -> bool:
    return bool(view.state.source)


def _is_elsewhere(view: RunView) -> bool:
    return view.elsewhere


COLUMNS: Final = (
    Column("STATUS", 10, 10, 0, _status),
    Column("RUN", 12, 0, 0, name_cell),
    Column("TOOL", 9, 12, 4, _tool, useful=_is_log),
    Column("TAGS", 6, 18, 6, _tags, useful=_has_tag),
    Column("PROGRESS", 10, 22, 1, _progress),
    Column("ETA", 4, 4, 3, _eta, right=True),
    Column("METRIC", 12, 14, 7, _metric, useful=_has_monitor),
    Column("LAST", 7, 7, 2, _last, right=True),
    Column("BEST", 7, 7, 2, _best, right=True),
    Column("TREND", 8, 20, 5, _trend),
    Column("RATE", 7, 7, 8, _rate, right=True, useful=_is_live),
    Column("GPU", 4, 7, 6, _gpu, right=True, useful=_has_gpu),
    Column("GPU MEM", 8, 12, 8, _memory, right=True, useful=_has_gpu),
    Column("SIGNAL", 12, 60, 1, _signal),
    Column("HOST", 6, 16, 6, _host, useful=_is_elsewhere),
    Column("AGE", 4, 4, 4, _age, right=True),
)
