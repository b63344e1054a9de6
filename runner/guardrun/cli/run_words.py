"""A run's status, signals and numbers as words with a shape and a colour, for commands that print."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from guardrun.following.episodes import worst_active
from guardrun.reading.plain_text import plain
from guardrun.signals.model import SEVERITY_ORDER, Signal
from guardrun.state.model import RunState, Status
from guardtui import formatting
from guardtui.glyphs import Glyphs

_STYLES: Final[Mapping[Status, tuple[str, ...]]] = {
    Status.STARTING: ("cyan",), Status.RUNNING: ("cyan",), Status.STOPPING: ("yellow",),
    Status.FINISHED: ("green",), Status.STOPPED: (), Status.ABORTED: ("red",), Status.FAILED: ("red",),
    Status.KILLED: ("red",), Status.HUNG: ("red", "bold"), Status.LOST: ("yellow",),
    Status.QUIET: (), Status.QUEUED: ("cyan",),
}  # fmt: skip
_SIGNAL_STYLES: Final = {"info": ("dim",), "warn": ("yellow",), "act": ("red", "bold")}
_ACTIONS: Final = {"stop": "stops the run", "abort": "aborts the run"}
_DONE: Final = {"stop": "stopped", "abort": "aborted"}
_TROUBLE: Final = {
    Status.HUNG: 0, Status.STOPPING: 1, Status.RUNNING: 2, Status.STARTING: 2, Status.QUEUED: 2,
    Status.LOST: 3,
}  # fmt: skip
_REASONS: Final = {
    "completed": "ran to its end", "patience": "no more improvement", "exception": "an exception",
    "stop:watch": "asked for in the dashboard", "stop:cli": "asked for by `guard stop`",
    "stop:sigint": "Ctrl-C", "stop:sigterm": "SIGTERM", "stop:policy": "the policy",
    "stop:scheduler": "the scheduler",
}  # fmt: skip


def status_words(state: RunState, glyphs: Glyphs) -> tuple[str, tuple[str, ...]]:
    """Shape and word, and the styles to print them in."""
    return f"{getattr(glyphs, state.status.value)} {state.status.value}", _STYLES[state.status]


def reason_words(reason: str) -> str:
    """Why a run ended, for people; what is not known is told as it was recorded."""
    known = _REASONS.get(reason)
    if known is not None:
        return known
    kind, _, what = plain(reason).partition(":")
    if kind == "abort" and what:
        return f"because of {what}"
    if kind == "budget" and what:
        return f"the {what} budget was used up"
    return plain(reason)


def signal_words(state: RunState, glyphs: Glyphs) -> tuple[str, tuple[str, ...]]:
    """The worst standing signal in a word, with the number of others; "" when there is none.

    One that a person has acknowledged is told only when no other stands, dimmed.
    """
    worst = worst_active(state.signals) or worst_active(state.signals, acknowledged=True)
    if worst is None:
        return "", ()
    others = sum(signal.cleared_at is None for signal in state.signals) - 1
    more = f" +{others}" if others else ""
    shape, _ = signal_shape(worst, glyphs)
    return f"{shape} {plain(worst.id)}{more}", signal_styles(worst)


def signal_shape(signal: Signal, glyphs: Glyphs) -> tuple[str, str]:
    """Shape and word of a signal's present state."""
    if signal.superseded_by is not None and signal.cleared_at is not None:
        return glyphs.cleared, "superseded"
    if signal.cleared_at is not None:
        return glyphs.cleared, "cleared"
    return getattr(glyphs, signal.severity), signal.severity


def signal_styles(signal: Signal) -> tuple[str, ...]:
    quiet = signal.cleared_at is not None or signal.acknowledged_at is not None
    return ("dim",) if quiet else _SIGNAL_STYLES[signal.severity]


def signal_place(signal: Signal) -> str:
    """Where it was raised and cleared, what is done about it, who saw it."""
    parts = [raised_words(signal)]
    if signal.cleared_at is not None:
        parts.append(over_words(signal))
    elif signal.action in _ACTIONS and signal.recorded:
        parts.append(_ACTIONS[signal.action])
    if signal.would_do is not None:
        parts.append(would_words(signal))
    if signal.acknowledged_at is not None:
        parts.append(f"acknowledged at {signal.acknowledged_at:,}")
    if not signal.recorded:
        parts.append("judged now, by this command")
    return ", ".join(part for part in parts if part)


def raised_words(signal: Signal) -> str:
    """``step 460 (from step 410)``."""
    since = f" (from step {signal.first_step:,})" if signal.first_step < signal.raised_at else ""
    return f"step {signal.raised_at:,}{since}"


def over_words(signal: Signal) -> str:
    """Why and where a signal ended; "" while it stands."""
    if signal.cleared_at is None:
        return ""
    if signal.superseded_by is not None:
        return f"superseded by {plain(signal.superseded_by)} at {signal.cleared_at:,}"
    return f"cleared at {signal.cleared_at:,}"


def would_words(signal: Signal) -> str:
    """What the default policy would have done about a signal that this one only observes."""
    return f"observed: would have {_DONE.get(signal.would_do or '', 'warned')} here"


def evidence_words(evidence: Mapping[str, Any]) -> str:
    """``value 12.4, threshold 3.1, window 50``."""
    return ", ".join(
        f"{plain(str(key)).replace('_', ' ')} {_value(value)}" for key, value in evidence.items()
    )


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return formatting.number(value)
    if isinstance(value, list | tuple):
        return " ".join(_value(each) for each in value[:6]) + (" …" if len(value) > 6 else "")
    return plain(str(value))


def done_words(state: RunState) -> str:
    """How far: percent where the end is known, else the step."""
    if state.total_steps:
        return formatting.percent(min(1.0, state.step / state.total_steps))
    return formatting.count(state.step)


def age_seconds(state: RunState, now: float) -> float | None:
    """Seconds since the last sign of the run, by this reader's clock where it saw one."""
    if state.silent_s is not None:
        return state.silent_s
    return None if state.last_event_t is None else max(0.0, now - state.last_event_t)


def worst_first(states: Iterable[RunState]) -> list[RunState]:
    """Standing signals by weight, then trouble, then what lives, then the newest."""

    def key(state: RunState) -> Any:
        worst = worst_active(state.signals)
        weight = -1 if worst is None else SEVERITY_ORDER[worst.severity]
        return (-weight, _TROUBLE.get(state.status, 4), -(state.created or 0.0), state.run_id)

    return sorted(states, key=key)


def local_time(t: float) -> str:
    """``2026-11-24 15:30`` in local time; "" for a time that no calendar has."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(t))
    except (OverflowError, ValueError, OSError):
        return ""
