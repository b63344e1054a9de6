"""Which runs are listed, and in what order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from guardrun.state.model import RunState, Status
from guardtui.snapshot import RunView
from guardtui.viewmodel.faces import active_signals, worst_severity

_TROUBLE: Final = {Status.HUNG: 0, Status.STOPPING: 1, Status.RUNNING: 2, Status.STARTING: 2, Status.LOST: 3}


def _created(state: RunState) -> float:
    return state.created if state.created is not None else 0.0


def _worst_first(view: RunView) -> Any:
    state = view.state
    return (-worst_severity(state), _TROUBLE.get(state.status, 4), -_created(state), state.run_id)


def _newest_first(view: RunView) -> Any:
    return (-_created(view.state), view.state.run_id)


def _by_name(view: RunView) -> Any:
    return (view.state.name.casefold(), -_created(view.state), view.state.run_id)


def _best_first(view: RunView) -> Any:
    monitor = view.state.monitor
    if monitor is None or monitor.best is None or not math.isfinite(monitor.best):
        return (1, "", 0.0, view.state.run_id)
    sign = -1.0 if monitor.mode == "max" else 1.0
    return (0, monitor.name, sign * monitor.best, view.state.run_id)


class Order(NamedTuple):
    """One way to sort the list."""

    name: str
    key: Callable[[RunView], Any]


ORDERS: Final = (
    Order("worst signal first", _worst_first),
    Order("newest first", _newest_first),
    Order("best metric first", _best_first),
    Order("by name", _by_name),
)


def arranged(views: Iterable[RunView], order: int, text: str) -> list[RunView]:
    """The runs that match every word of ``text``, in the order number ``order``."""
    words = text.casefold().split()
    chosen = [view for view in views if not words or _matches(view, words)]
    return sorted(chosen, key=ORDERS[order % len(ORDERS)].key)


def _matches(view: RunView, words: list[str]) -> bool:
    state = view.state
    monitor = state.monitor.name if state.monitor else ""
    parts = (
        state.name,
        state.run_id,
        state.group or "",
        state.status.value,
        state.reason,
        state.host,
        monitor,
    )
    signals = " ".join(signal.id for signal in active_signals(state.signals))
    haystack = " ".join((*parts, signals)).casefold()
    return all(word in haystack for word in words)
