"""What the machine does now, and the most it did: one line a GPU, then the host."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from guardrun.series.store import Series
from guardrun.state.model import RunState
from guardrun.state.values import table
from guardtui import formatting
from guardtui.text import Bit, Line, clean, line, width_of
from guardtui.viewmodel.chart_choice import Choice, choose_charts
from guardtui.viewmodel.tables import Column, cell, table_lines

_GPU: Final = re.compile(r"gpu(\d+)/")
_HEAD: Final = 16
"""Cells of a host's name under which the next line is set in."""
_TITLES: Final = ("step and data time", "GPU memory of this process")
"""Charts of the training that belong here, too."""
_GPU_COLUMNS: Final = (
    Column("", rank=0), Column("load", right=True, rank=1), Column("memory", right=True, rank=1),
    Column("power", right=True, rank=3), Column("temperature", right=True, rank=2),
    Column("", rank=4, least=10),
)  # fmt: skip


@lru_cache(maxsize=8)
def system_choices(names: tuple[str, ...]) -> list[Choice]:
    """The charts of the pane: the machine's, and what tells whether the data keeps up."""
    choices = [each for each in choose_charts(names, None) if each.kind == "system" or each.title in _TITLES]
    return sorted(choices, key=lambda each: each.title in _TITLES)


def gpus_of(state: RunState, launch: Mapping[str, Any]) -> Sequence[Any]:
    """The GPUs by their numbers, as the training or its launcher named them."""
    for told in (state.env.get("gpus"), table(launch.get("environment")).get("gpus")):
        if isinstance(told, list) and told:
            return told
    return ()


def has_samples(series: Mapping[str, Series]) -> bool:
    """Whether the machine was sampled at all."""
    return any(name.startswith(("cpu/", "memory/", "gpu0/", "disk/")) for name in series)


def nothing_words(state: RunState) -> str:
    """Why there are no numbers of the machine."""
    if not state.supervised:
        return (
            "Nothing sampled the machine: this run has no supervisor. "
            "Start it with `guard run` (or attach one) to see GPU, processor, memory and disk here."
        )
    if state.status.live:
        return "No sample of the machine yet: the first comes with the supervisor's first seconds."
    return "The supervisor recorded no sample of the machine."


def table_of(series: Mapping[str, Series], state: RunState, names: Sequence[Any], width: int) -> list[Line]:
    """Newest numbers, and in brackets the highest so far."""
    gpus = sorted({int(found[1]) for name in series if (found := _GPU.match(name))})
    lines: list[Line] = []
    if gpus:
        rows = [_gpu_row(number, series, names) for number in gpus]
        lines += table_lines(_GPU_COLUMNS, rows, width)
    elif state.gpu_note:
        lines.append(line((clean(state.gpu_note), "dim")))
    lines += _host_lines(series, state, width)
    return lines


def _gpu_row(number: int, series: Mapping[str, Series], names: Sequence[Any]) -> tuple[Line, ...]:
    def both(name: str, words: Callable[[float], str]) -> Line:
        return _both(series.get(f"gpu{number}/{name}"), words)

    total = _newest(series.get(f"gpu{number}/memory_total_bytes"))
    memory = both("memory_bytes", formatting.size)
    if total is not None and memory:
        memory = (*memory, *line((f" of {formatting.size(total)}", "dim")))
    return (
        cell(f"GPU {number}", "strong"), both("utilization", _percent), memory,
        both("power_w", _watt), both("temperature_c", _celsius), cell(_gpu_name(number, names), "dim"),
    )  # fmt: skip


def _host_lines(series: Mapping[str, Series], state: RunState, width: int) -> list[Line]:
    total = _newest(series.get("memory/total_bytes"))
    of_total = "" if total is None else f" of {formatting.size(total)}"
    facts = (
        ("CPU", series.get("cpu/percent"), _percent, ""),
        ("RAM", series.get("memory/used_bytes"), formatting.size, of_total),
        ("training", series.get("tree/rss_bytes"), formatting.size, ""),
        ("received", series.get("network/received_bytes_per_s"), _per_second, ""),
        ("sent", series.get("network/sent_bytes_per_s"), _per_second, ""),
    )
    parts = [
        (*line((f"{label} ", "dim")), *_both(found, words), *line((after, "dim")))
        for label, found, words, after in facts
        if found is not None and len(found)
    ]
    free = _newest(series.get("disk/free_bytes"))
    if free is not None:
        parts.append(line(("disk ", "dim"), formatting.size(free), (" free", "dim")))
    return _flow(line((clean(state.host) or "host", "strong")), parts, width)


def _flow(head: Line, parts: list[Line], width: int) -> list[Line]:
    """Parts in a row behind a head, on as many lines as they need."""
    lines: list[Line] = []
    current = head
    for part in parts:
        if width_of(current) + 3 + width_of(part) > width and current:
            lines.append(current)
            current = (Bit(" " * (width_of(head) if width_of(head) <= _HEAD else 2)),)
        current = (*current, Bit("   "), *part)
    return [*lines, current] if parts else lines


def _both(series: Series | None, words: Callable[[float], str]) -> Line:
    """``62% (98%)``: newest and highest."""
    newest = _newest(series)
    if series is None or newest is None:
        return ()
    peak = float(np.nanmax(series.value))
    return line(words(newest), (f" (most {words(peak)})" if words(peak) != words(newest) else "", "dim"))


def _newest(series: Series | None) -> float | None:
    if series is None or not len(series):
        return None
    finite = series.value[np.isfinite(series.value)]
    return float(finite[-1]) if len(finite) else None


def _gpu_name(number: int, names: Sequence[Any]) -> str:
    found = names[number] if number < len(names) else ""
    return clean(found.get("name", "") if isinstance(found, Mapping) else found)


def _percent(value: float) -> str:
    return f"{value:.0f}%"


def _watt(value: float) -> str:
    return f"{value:.0f} W"


def _celsius(value: float) -> str:
    return f"{value:.0f} °C"


def _per_second(value: float) -> str:
    return f"{formatting.size(value)}/s"
