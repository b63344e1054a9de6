"""Signals with their evidence and advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardrun.signals.model import Signal
from guardrun.state.model import RunState
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, Tone, clean, fit, line, text_of, width_of, wrapped
from guardtui.viewmodel.faces import active_signals, severity_face

_SHOWN: Final = 8
_ACTIONS: Final = {"stop": "stops the run", "abort": "aborts the run"}
_WOULD: Final = {"stop": "stopped", "abort": "aborted"}


def pane_lines(state: RunState, width: int, height: int, g: Glyphs) -> list[Line]:
    """The signals that stand, worst first, in at most ``height`` lines; cleared ones if room is left.

    Each gets its first line; the rest of its message, its advice and its evidence follow as room allows.
    """
    active = active_signals(state.signals)
    cleared = [signal for signal in reversed(state.signals) if signal.cleared_at is not None]
    known = active + cleared
    shown = known[: max(1, height)]
    spare = height - len(shown)
    lines: list[Line] = []
    for signal in shown:
        block = _block(signal, width, g, live=state.status.live)
        room = 1 if _is_quiet(signal) else 1 + min(spare, len(block) - 1)
        lines.extend(_cut(block, room, width))
        spare -= room - 1
    if len(known) > len(shown) and lines:
        lines[-1] = line((f"  and {len(known) - len(shown) + 1} more: press i", "dim"))
    return lines


def wanted_height(state: RunState, width: int, g: Glyphs) -> int:
    """Lines that every standing signal would need: in full, or one where a person knows of it."""
    active = active_signals(state.signals)
    live = state.status.live
    lines = sum(1 if _is_quiet(each) else len(_block(each, width, g, live=live)) for each in active)
    return lines or min(1, len(state.signals))


def evidence_words(evidence: Mapping[str, Any], *, limit: int = _SHOWN) -> str:
    """``value 12.4, threshold 3.1, window 50``."""
    parts = [f"{clean(key).replace('_', ' ')} {evidence_value(value)}" for key, value in evidence.items()]
    return ", ".join(parts[:limit])


def evidence_value(value: Any) -> str:
    """One number or word of the evidence, as people read it."""
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, int):
        return formatting.count(value)
    if isinstance(value, float):
        return formatting.number(value)
    if isinstance(value, list | tuple):
        return " ".join(evidence_value(item) for item in value[:4]) + (" …" if len(value) > 4 else "")
    return clean(value)


def _block(signal: Signal, width: int, g: Glyphs, *, live: bool) -> list[Line]:
    """Message, advice and evidence, wrapped."""
    face = severity_face(signal, g)
    head = line((f"{face.shape} {clean(signal.id)}", face.tone), (f"  {_where(signal, live=live)}  ", "dim"))
    tone: Tone = "dim" if _is_quiet(signal) else "text"
    first, *others = wrapped(clean(signal.message), max(10, width - width_of(head)), tone) or [()]
    rest = " ".join(text_of(each) for each in others)
    lines = [fit((*head, *first), width), *_indented(rest, width, tone)]
    advice = _indented(clean(signal.advice), width - 4)
    lines.extend(
        (Bit("  do: " if number == 0 else "      ", "dim"), *each[1:]) for number, each in enumerate(advice)
    )
    evidence = evidence_words(signal.evidence)
    if evidence:
        lines.append(fit(line((f"  why: {evidence}", "dim")), width))
    if signal.would_change:
        lines.append(fit(line((f"  unless: {clean(signal.would_change)}", "dim")), width))
    return lines


def _cut(block: list[Line], room: int, width: int) -> list[Line]:
    """The first ``room`` lines; an ellipsis where more would follow in the middle of a text."""
    if room >= len(block) or text_of(block[room]).startswith(("  do: ", "  why: ", "  unless: ")):
        return block[:room]
    *lines, last = block[:room]
    return [*lines, fit((*last, Bit(" …", "dim")), width)]


def _is_quiet(signal: Signal) -> bool:
    """Whether it is over, or a person knows of it."""
    return signal.cleared_at is not None or signal.acknowledged_at is not None


def _where(signal: Signal, *, live: bool) -> str:
    """Since when, and what comes of it: a run that is over is not stopped any more."""
    place = f"step {formatting.count(signal.raised_at)}"
    if signal.cleared_at is not None:
        how = "cleared" if signal.superseded_by is None else f"superseded by {clean(signal.superseded_by)}"
        return f"{place}, {how} at {formatting.count(signal.cleared_at)}"
    extras = [
        _ACTIONS.get(signal.action, "") if live and signal.recorded else "",
        "" if signal.would_do is None else f"observed: would have {_WOULD.get(signal.would_do, 'warned')}",
        "" if signal.acknowledged_at is None else "acknowledged",
        "" if signal.recorded else "seen by this viewer only",
    ]
    return ", ".join(part for part in (place, *extras) if part)


def _indented(text: str, width: int, tone: Tone = "text") -> list[Line]:
    return [(Bit("  "), *each) for each in wrapped(text, width - 2, tone)]
