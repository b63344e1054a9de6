"""What a filter can ask of a run: its texts, its configuration, its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from guardtui.snapshot import RunView
from guardtui.viewmodel.faces import active_signals
from guardtui.viewmodel.progress import fraction

_DEEPEST: Final = 20
"""Levels of a configuration; a deeper one was not made by a person."""


TEXTS: Final[Mapping[str, Callable[[RunView], tuple[str, ...]]]] = {
    "name": lambda view: (view.state.name,),
    "group": lambda view: (view.state.group or "",),
    "status": lambda view: (view.state.status.value, "live" if view.state.status.live else "over"),
    "host": lambda view: (view.state.host,),
    "tag": lambda view: view.state.tags,
    "signal": lambda view: tuple(
        word for signal in active_signals(view.state.signals) for word in (signal.id, signal.severity)
    ),
    "id": lambda view: (view.state.run_id,),
    "reason": lambda view: (view.state.reason,),
    "metric": lambda view: (view.state.monitor.name if view.state.monitor else "",),
    "user": lambda view: (view.owner,),
    "tool": lambda view: (view.state.source,),
}
"""Fields of words, behind ``:`` or ``=``."""


def _percent(view: RunView) -> float | None:
    part = fraction(view.state)
    return None if part is None else part * 100


NUMBERS: Final[Mapping[str, Callable[[RunView], float | None]]] = {
    "step": lambda view: view.state.step,
    "epoch": lambda view: None if view.state.epoch is None else view.state.epoch + 1,
    "progress": _percent,
    "eta": lambda view: view.state.eta_s if view.state.status.live else None,
    "age": lambda view: view.age_s,
    "time": lambda view: view.state.elapsed_s,
    "rate": lambda view: view.state.step_rate if view.state.status.live else None,
    "gpu": lambda view: view.gpu.utilization if view.gpu else None,
    "memory": lambda view: view.gpu.memory_bytes if view.gpu else None,
    "attempt": lambda view: view.state.attempt,
    "ranks": lambda view: view.state.ranks,
    "cost": lambda view: view.state.cost,
}
"""Fields of numbers, behind a comparison."""

_TIMES: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES: Final = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    "eta": _TIMES, "age": _TIMES, "time": _TIMES, "memory": _SIZES, "progress": {"%": 1.0}, "gpu": {"%": 1.0},
}  # fmt: skip


def number_of(text: str, field: str = "") -> float | None:
    """``1e-3``, ``10m`` for a time, ``8GB`` for memory, ``50%``; None for anything else.

    >>> number_of("1e-3"), number_of("10m", "age"), number_of("8GB", "memory"), number_of("m", "age")
    (0.001, 600.0, 8000000000.0, None)
    """
    text = text.casefold()
    for unit, factor in _UNITS.get(field, {}).items():
        if text.endswith(unit):
            value = _float(text.removesuffix(unit))
            return None if value is None else value * factor
    return _float(text)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class Facts:
    """One run, prepared for the questions of filters; what nobody asks for is not prepared."""

    def __init__(self, view: RunView, before: Facts | None = None) -> None:
        """``before``: the same run a moment ago, whose configuration may be used again."""
        self.view = view
        if before is not None and before.view.state.config is view.state.config and "config" in vars(before):
            vars(self)["config"] = before.config
        self._texts: dict[str, tuple[str, ...]] = {}

    @cached_property
    def haystack(self) -> str:
        """Where plain words are looked for."""
        return "\n".join(word for field in TEXTS for word in self.texts(field))

    def texts(self, field: str) -> tuple[str, ...]:
        """The words of a field, for comparison."""
        if field not in self._texts:
            self._texts[field] = tuple(word.casefold() for word in TEXTS[field](self.view) if word)
        return self._texts[field]

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """Values of the configuration by their path: ``params.lr``, in lower case."""
        return {path.casefold(): value for path, value in flattened(self.view.state.config)}

    def configured(self, key: str) -> list[Any]:
        """Values of that path; else of every path that ends in it: ``lr`` finds ``params.lr``."""
        if key in self.config:
            return [self.config[key]]
        return [value for path, value in self.config.items() if path.endswith(f".{key}")]

    def metric(self, name: str, what: str) -> list[float]:
        """``last``, ``best``, ``min`` or ``max`` of a metric, or of all by a name with ``*``; NaN counts."""
        monitor = self.view.state.monitor
        found: list[float | None] = []
        for logged, numbers in self.view.numbers.items():
            if matches_pattern(logged.casefold(), name):
                mode = monitor.mode if monitor and monitor.name == logged else numbers.mode
                ends = {"min": numbers.least, "max": numbers.most}
                end = ends.get(mode if what == "best" else what)
                found.append(numbers.last if what == "last" else end)
        known = {"last": monitor.last, "best": monitor.best} if monitor else {}
        if not found and monitor and matches_pattern(monitor.name.casefold(), name):
            found.append(known.get(what))
        return [value for value in found if value is not None]

    def has(self, key: str) -> bool:
        """Whether there is such a thing, such a metric or such a configured value."""
        state = self.view.state
        things = {
            "signal": bool(self.texts("signal")), "group": bool(state.group), "tag": bool(self.texts("tag")),
            "checkpoint": bool(state.best or state.last), "gpu": self.view.gpu is not None,
            "error": bool(state.error), "eta": NUMBERS["eta"](self.view) is not None,
        }  # fmt: skip
        return things.get(key, False) or bool(self.metric(key, "last")) or bool(self.configured(key))


def flattened(table: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every value of nested tables with its dotted path."""
    for key, value in table.items():
        path = f"{before}{key}"
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from flattened(value, f"{path}.", depth + 1)
        else:
            yield path, value


def matches_pattern(text: str, pattern: str) -> bool:
    """Whether the whole text is what the pattern says; ``*`` and ``?`` stand for anything."""
    if "*" not in pattern and "?" not in pattern:
        return text == pattern
    from fnmatch import fnmatchcase

    return fnmatchcase(text, pattern.replace("[", "[[]"))


def words_of(value: Any) -> str:
    """A configured value as people type it, in lower case."""
    if isinstance(value, list | tuple):
        return f"[{','.join(words_of(each) for each in value)}]"
    return str(value).casefold()


def as_number(value: Any) -> float | None:
    """A configured value as a number, where it is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return _float(value) if isinstance(value, str) else None
