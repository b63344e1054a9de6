"""Which charts a run gets, by its metrics' names: one table, first match wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

SPLITS: Final = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of a chart: the series' name, its label and its role in the palette."""

    name: str
    label: str
    color: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One chart: what it is called and which series it shows."""

    title: str
    lines: tuple[Line, ...]
    unit: str = ""
    kind: str = "metric"
    """metric (of a split), training (lr, grad_norm, speed) or system."""


@dataclass(frozen=True, slots=True)
class _Family:
    """Series that share a chart; patterns in the order of their curves."""

    title: str
    patterns: tuple[str, ...]
    unit: str
    color: str
    kind: str


_BEFORE: Final = (
    _Family("gradient norm", ("grad_norm", "grad_norm/*"), "", "grad", "training"),
    _Family("learning rate", ("lr", "lr/*"), "", "lr", "training"),
    _Family("samples per second", ("samples_per_s",), "", "metric", "training"),
    _Family("tokens per second", ("tokens_per_s",), "", "metric", "training"),
    _Family("step and data time", ("step_time", "data_time"), "s", "metric", "training"),
)
_AFTER: Final = (
    _Family("loss scale", ("loss_scale",), "", "metric", "training"),
    _Family("GPU memory of this process", ("gpu/memory_allocated_bytes", "gpu/memory_reserved_bytes"), "B",
            "system", "training"),
    _Family("GPU load", ("gpu*/utilization",), "%", "system", "system"),
    _Family("GPU memory", ("gpu*/memory_bytes",), "B", "system", "system"),
    _Family("GPU power (W)", ("gpu*/power_w",), "", "system", "system"),
    _Family("GPU temperature (°C)", ("gpu*/temperature_c",), "", "system", "system"),
    _Family("CPU load", ("cpu/percent", "tree/cpu_percent"), "%", "system", "system"),
    _Family("memory", ("memory/used_bytes", "tree/rss_bytes"), "B", "system", "system"),
    _Family("free disk", ("disk/free_bytes",), "B", "system", "system"),
    _Family("network, per second", ("network/received_bytes_per_s", "network/sent_bytes_per_s"), "B",
            "system", "system"),
)  # fmt: skip
_HIDDEN: Final = ("gpu*/memory_total_bytes", "memory/total_bytes", "tree/processes")
_LABELS: Final = {
    "network/received_bytes_per_s": "received", "network/sent_bytes_per_s": "sent",
    "step_time": "step", "data_time": "data", "cpu/percent": "host", "tree/cpu_percent": "training",
    "memory/used_bytes": "host", "tree/rss_bytes": "training", "samples_per_s": "samples/s",
    "tokens_per_s": "tokens/s", "gpu/memory_allocated_bytes": "allocated",
    "gpu/memory_reserved_bytes": "reserved",
}  # fmt: skip


def choose_charts(names: Iterable[str], monitor: str | None) -> list[Choice]:
    """Charts for these series, the most telling first.

    Loss, then the monitored metric, then other metrics that have a split, then gradient norm, learning
    rate, speed, whatever else the script logged, and the machine at the end.
    """
    left = dict.fromkeys(name for name in names if not _is_hidden(name))
    metrics = _split_charts(left, monitor)
    before = _families(left, _BEFORE)
    after = _families(left, _AFTER)
    own = [Choice(name, (Line(name, _last_part(name), "metric"),)) for name in left]
    monitored = [choice for choice in own if choice.title == monitor]
    return [*metrics, *monitored, *before, *(c for c in own if c not in monitored), *after]


def _is_hidden(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _HIDDEN)


def _split_charts(left: dict[str, None], monitor: str | None) -> list[Choice]:
    """``train/x``, ``val/x`` and ``test/x`` share a chart. Takes what it uses out of ``left``."""
    bases: dict[str, list[str]] = {}
    for name in left:
        split, _, base = name.partition("/")
        if split in SPLITS and base:
            bases.setdefault(base, []).append(name)
    for used in bases.values():
        for name in used:
            del left[name]
    monitored = monitor.partition("/")[2] if monitor and monitor.split("/")[0] in SPLITS else ""
    order = sorted(bases, key=lambda base: (base != "loss", base != monitored))
    return [_split_chart(base, bases[base]) for base in order]


def _split_chart(base: str, names: Sequence[str]) -> Choice:
    ordered = sorted(names, key=lambda name: SPLITS.index(name.partition("/")[0]))
    splits = [name.partition("/")[0] for name in ordered]
    # A split is the name of its colour's role, too.
    return Choice(base, tuple(Line(name, split, split) for name, split in zip(ordered, splits, strict=True)))


def _families(left: dict[str, None], families: Sequence[_Family]) -> list[Choice]:
    choices = []
    for family in families:
        found = [name for pattern in family.patterns for name in sorted(left) if fnmatchcase(name, pattern)]
        if not found:
            continue
        for name in found:
            del left[name]
        lines = tuple(_family_line(name, number, family) for number, name in enumerate(found))
        choices.append(Choice(family.title, lines, family.unit, family.kind))
    return choices


def _family_line(name: str, number: int, family: _Family) -> Line:
    color = family.color if number == 0 else f"aux{(number - 1) % 6 + 1}"
    return Line(name, _LABELS.get(name, _last_part(name, system=family.kind == "system")), color)


def _last_part(name: str, *, system: bool = False) -> str:
    first, _, rest = name.partition("/")
    return first if system or not rest else rest
