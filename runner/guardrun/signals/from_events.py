"""An event of a log as the point that rules see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from guardrun.events.decode import as_number
from guardrun.events.schema import ENVELOPE, EVAL, METRICS, PHASE, RUN_END, SYSTEM, Event
from guardrun.signals.model import Kind, Point

_KINDS: Final[Mapping[str, Kind]] = {
    METRICS: "metrics", EVAL: "eval", PHASE: "phase", SYSTEM: "system", RUN_END: "end",
}  # fmt: skip


def point_of(event: Event, *, rank: int = 0, last_step: int | None = None) -> Point | None:
    """The point of a metrics, eval, phase, system or run_end event; None for any other event.

    ``last_step`` stands in where the event has no step; an event of metrics without one is no point.
    """
    kind = _KINDS.get(event["kind"])
    if kind is None:
        return None
    step = event.get("step")
    if not isinstance(step, int) or not 0 <= step < 2**63:
        if kind in ("metrics", "eval"):
            return None
        step = last_step or 0
    values = {}
    for key, value in event.items():
        if key not in ENVELOPE and type(value) is not bool:
            number = as_number(value)
            if number is not None:
                values[key] = number
    epoch = event.get("epoch")
    return Point(
        kind=kind,
        step=step,
        epoch=epoch if isinstance(epoch, int) and 0 <= epoch < 2**63 else None,
        t=as_number(event.get("t")) or 0.0,
        values=values,
        rank=rank,
        text=_text(kind, event),
    )


def _text(kind: Kind, event: Event) -> str:
    if kind == "phase":
        return str(event.get("phase") or "")
    if kind == "end":
        said = (event.get("reason"), event.get("error"))
        return ": ".join(part for part in said if isinstance(part, str) and part)
    return ""
