"""What a status and a signal look like: a shape, a word and a tone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from guardrun.signals.model import SEVERITY_ORDER, Signal
from guardrun.state.model import RunState, Status
from guardtui.glyphs import Glyphs
from guardtui.text import Line, Tone, clean, line


class Face(NamedTuple):
    """How something is shown without and with colours."""

    shape: str
    word: str
    tone: Tone


_TONES: Final[dict[Status, Tone]] = {
    Status.QUEUED: "info",
    Status.STARTING: "info",
    Status.RUNNING: "accent",
    Status.STOPPING: "warn",
    Status.FINISHED: "good",
    Status.STOPPED: "text",
    Status.ABORTED: "bad",
    Status.FAILED: "bad",
    Status.KILLED: "bad",
    Status.HUNG: "bad",
    Status.LOST: "warn",
    Status.QUIET: "text",
}


def status_face(status: Status, g: Glyphs) -> Face:
    """Shape, word and tone of a status; each shape is used once."""
    return Face(getattr(g, status.value), status.value, _TONES[status])


def severity_face(signal: Signal, g: Glyphs) -> Face:
    """Shape and tone of a signal; one that is over, or that a person has acknowledged, is quiet."""
    if signal.cleared_at is not None:
        return Face(g.cleared, "cleared" if signal.superseded_by is None else "superseded", "dim")
    if signal.acknowledged_at is not None:
        asleep = signal.snoozed_until is not None or signal.snoozed_until_step is not None
        return Face(getattr(g, signal.severity), "snoozed" if asleep else "acknowledged", "dim")
    tones: dict[str, Tone] = {"act": "bad", "warn": "warn", "info": "info"}
    return Face(getattr(g, signal.severity), signal.severity, tones[signal.severity])


def active_signals(signals: Iterable[Signal]) -> list[Signal]:
    """Signals that were not cleared, worst first and acknowledged last; among equals the newest first."""
    standing = [signal for signal in signals if signal.cleared_at is None]
    return sorted(
        standing, key=lambda s: (s.acknowledged_at is not None, -SEVERITY_ORDER[s.severity], -s.raised_at)
    )


def unknown_signals(signals: Iterable[Signal]) -> list[Signal]:
    """Those of them that no person has acknowledged."""
    return [signal for signal in active_signals(signals) if signal.acknowledged_at is None]


def worst_severity(state: RunState) -> int:
    """0 without an active signal that nobody has acknowledged; 1 info, 2 warn, 3 act."""
    return max((SEVERITY_ORDER[s.severity] + 1 for s in unknown_signals(state.signals)), default=0)


def signal_words(state: RunState, g: Glyphs, *, message: bool) -> Line:
    """The worst active signal in few words, with the number of others."""
    active = active_signals(state.signals)
    if not active:
        return ()
    worst = active[0]
    face = severity_face(worst, g)
    more = f" +{len(active) - 1}" if len(active) > 1 else ""
    head = f"{face.shape} {clean(worst.id)}{more}"
    return line((head, face.tone), (f"  {clean(worst.message)}" if message else "", "dim"))
