"""In what order runs are listed."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from guardrun.state.model import RunState, Status
from guardtui.snapshot import RunView
from guardtui.viewmodel.faces import worst_severity
from guardtui.viewmodel.progress import fraction
from guardtui.viewmodel.remembered import Remembered

_FIRST: Final = operator.itemgetter(0)
_TROUBLE: Final = {
    Status.HUNG: 0, Status.STOPPING: 1, Status.RUNNING: 2, Status.STARTING: 2, Status.QUEUED: 2,
    Status.LOST: 3,
}  # fmt: skip
_STATUSES: Final = (
    Status.HUNG, Status.STOPPING, Status.STARTING, Status.RUNNING, Status.QUEUED, Status.LOST, Status.QUIET,
    Status.KILLED, Status.FAILED, Status.ABORTED, Status.STOPPED, Status.FINISHED,
)  # fmt: skip


def _created(state: RunState) -> float:
    return state.created if state.created is not None else 0.0


def _newest(view: RunView) -> Any:
    return (-_created(view.state), view.state.run_id)


def _worst(view: RunView) -> Any:
    return (-worst_severity(view.state), _TROUBLE.get(view.state.status, 4))


def _best(view: RunView) -> Any:
    monitor = view.state.monitor
    if monitor is None or monitor.best is None or not math.isfinite(monitor.best):
        return None
    return (monitor.name, -monitor.best if monitor.mode == "max" else monitor.best)


def _last(view: RunView) -> Any:
    monitor = view.state.monitor
    if monitor is None or monitor.last is None:
        return None
    broken = not math.isfinite(monitor.last)
    return (broken, monitor.name, 0.0 if broken else -monitor.last if monitor.mode == "max" else monitor.last)


def _down(value: float | None) -> float | None:
    """The largest first."""
    return None if value is None or value != value else -value


class Order(NamedTuple):
    """One way to sort the list; ``key`` is None for a run without the value, which comes last either way."""

    id: str
    """In the settings file."""
    name: str
    key: Callable[[RunView], Any]
    column: str = ""
    """The column whose head chooses it, and shows its arrow."""
    falling: bool = False
    """Whether the largest comes first: which way the arrow points."""


ORDERS: Final = (
    Order("signal", "worst signal first", _worst, "SIGNAL", True),
    Order("newest", "newest first", lambda view: ()),
    Order("best", "best metric first", _best, "BEST"),
    Order("name", "by name", lambda view: view.state.name.casefold(), "RUN"),
    Order("age", "latest event first", lambda view: view.age_s, "AGE"),
    Order("eta", "soonest done first", lambda v: v.state.eta_s if v.state.status.live else None, "ETA"),
    Order("progress", "furthest first", lambda view: _down(fraction(view.state)), "PROGRESS", True),
    Order("status", "by status", lambda view: _STATUSES.index(view.state.status), "STATUS"),
    Order("last", "best last value first", _last, "LAST"),
    Order("metric", "by metric", lambda v: v.state.monitor.name if v.state.monitor else None, "METRIC"),
    Order("rate", "fastest first", lambda view: _down(live_rate(view)), "RATE", True),
    Order(
        "memory",
        "most GPU memory first",
        lambda v: _down(v.gpu.memory_bytes) if v.gpu else None,
        "GPU MEM",
        True,
    ),
    Order("gpu", "busiest GPU first", lambda v: _down(v.gpu.utilization) if v.gpu else None, "GPU", True),
    Order("host", "by host", lambda view: view.state.host or None, "HOST"),
)
BY_KEY: Final = ORDERS[:7]
"""Those that the key steps through; the others by a click on their column."""
_BY_ID: Final = {order.id: order for order in ORDERS}


def order_of(name: str) -> Order:
    """The order with that id; the first one for an unknown id."""
    return _BY_ID.get(name, ORDERS[0])


def next_order(name: str) -> Order:
    """What the key chooses after this one."""
    ids = [order.id for order in BY_KEY]
    return BY_KEY[(ids.index(name) + 1) % len(ids)] if name in ids else BY_KEY[0]


def order_by_column(title: str) -> Order | None:
    """What a click on the head of this column chooses."""
    return next((order for order in ORDERS if order.column == title), None)


def live_rate(view: RunView) -> float | None:
    """Steps a second of a run that makes some; a hung or ended one makes none."""
    status = view.state.status
    return view.state.step_rate if status.live and status is not Status.HUNG else None


class Sorter:
    """Sorts runs; keys are made once for each view."""

    def __init__(self) -> None:
        self._newest = Remembered(_newest)
        self._order = ORDERS[0]
        self._keys: Remembered[Any] = Remembered(self._order.key)

    def arranged(self, views: Iterable[RunView], order: str, *, reverse: bool = False) -> list[RunView]:
        """The runs in that order; among equals the newest first, without a value last."""
        chosen = order_of(order)
        if chosen is not self._order:  # keys of an order that is left would hold on to runs that are gone
            self._order, self._keys = chosen, Remembered(chosen.key)
        keys = self._keys
        base = sorted(views, key=self._newest.of)
        keys.let_go(len(base))
        self._newest.let_go(len(base))
        if chosen.id == "newest":
            return base[::-1] if reverse else base
        keyed = [(keys.of(view), view) for view in base]
        known = sorted((pair for pair in keyed if pair[0] is not None), key=_FIRST, reverse=reverse)
        unknown = [view for key, view in keyed if key is None] if len(known) < len(keyed) else []
        return [view for _, view in known] + unknown
