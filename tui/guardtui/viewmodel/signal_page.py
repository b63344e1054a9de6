"""The signals of a run as a list to walk, and everything about the chosen one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from guardrun.series.store import Series
from guardrun.signals.model import Signal
from guardrun.state.model import RunState
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, clean, line
from guardtui.viewmodel.faces import active_signals, severity_face
from guardtui.viewmodel.paragraphs import broken, fact
from guardtui.viewmodel.signal_lines import evidence_value
from guardtui.viewmodel.tables import Column, cell, table_lines, table_width

_WORDS: Final = {"act": "severe", "warn": "warning", "info": "remark"}
_DOES: Final = {"stop": "stops the run safely", "abort": "aborts the run"}
_DID: Final = {"stop": "stopped the run safely", "abort": "aborted the run"}
_COLUMNS: Final = (
    Column("", rank=0), Column("signal", rank=0, least=14), Column("step", right=True, rank=1),
    Column("since", rank=3), Column("what", rank=2, least=34),
)  # fmt: skip


_PAIR: Final[tuple[Column, ...]] = (Column("", least=12), Column("", least=12))


class Key(NamedTuple):
    """Which signal: one id can be raised, cleared and raised again."""

    id: str
    raised_at: int


def key_of(signal: Signal) -> Key:
    """What tells a signal from the others of its run."""
    return Key(signal.id, signal.raised_at)


def ordered(signals: Iterable[Signal]) -> list[Signal]:
    """Standing ones with the worst first, then those that a person knows of, then cleared ones."""
    signals = list(signals)
    cleared = [signal for signal in reversed(signals) if signal.cleared_at is not None]
    return [*active_signals(signals), *cleared]


def time_of_step(series: Mapping[str, Series], step: int) -> float | None:
    """When a step was taken last, by the curve with the most points."""
    longest = max(series.values(), key=len, default=None)
    if longest is None:
        return None
    taken = (longest.step <= step).nonzero()[0]
    return float(longest.t[taken[-1]]) if len(taken) else None


def age_words(view: RunView, t: float | None) -> str:
    """How long ago something of time ``t`` was; of a run that is over: how long before its last event."""
    state = view.state
    newest = state.last_event_t if state.last_steady_t is None else state.last_steady_t
    if t is None or newest is None:
        return ""
    before_last = max(0.0, newest - t)
    if view.state.status.live and view.age_s is not None:
        return formatting.ago(before_last + view.age_s)
    return "at the end" if before_last < 1 else f"{formatting.duration(before_last)} before the end"


def list_lines(
    view: RunView, signals: list[Signal], times: Mapping[Key, float | None], width: int, g: Glyphs
) -> list[Line]:
    """One line a signal below a line of titles."""
    rows = []
    for signal in signals:
        face = severity_face(signal, g)
        quiet = signal.cleared_at is not None or signal.acknowledged_at is not None
        rows.append((
            cell(f"{face.shape} {_WORDS.get(face.word, _known_word(signal, face.word))}", face.tone),
            cell(clean(signal.id), "dim" if quiet else "strong"),
            cell(formatting.count(signal.raised_at)),
            cell(age_words(view, times.get(key_of(signal))), "dim"),
            cell(clean(signal.message), "dim" if quiet else "text"),
        ))  # fmt: skip
    return table_lines(_COLUMNS, rows, width)


def detail_lines(
    view: RunView, signal: Signal, t: float | None, width: int, g: Glyphs, *, readonly: bool = False
) -> list[Line]:
    """The chosen signal whole, down to what guard does about it."""
    state = view.state
    face = severity_face(signal, g)
    lines = [line((f"{face.shape} {clean(signal.id)}", face.tone), (f"  {_WORDS[signal.severity]}", "dim"))]
    lines += fact("what", signal.message, width)
    lines += fact("since", _since(view, signal, t), width)
    lines += fact("advice", signal.advice, width)
    lines += fact("guard", done_words(state, signal), width)
    lines += _evidence(signal, width)
    if signal.cleared_at is None:
        lines += fact("unless", signal.would_change, width)
    told = "the supervisor recorded it when it happened" if signal.recorded else "computed by this viewer"
    lines += fact("told by", told, width, "dim")
    return lines


def _since(view: RunView, signal: Signal, t: float | None) -> str:
    parts = [f"step {formatting.count(signal.raised_at)}"]
    age = age_words(view, t)
    if age:
        parts.append(age)
    if signal.first_step < signal.raised_at:
        parts.append(f"its evidence begins at step {formatting.count(signal.first_step)}")
    if signal.acknowledged_at is not None:
        word = _known_word(signal, "acknowledged")
        parts.append(
            f"{word} at step {formatting.count(signal.acknowledged_at)}{_snooze_words(view, signal)}"
        )
    if signal.cleared_at is not None:
        by = f"superseded by {clean(signal.superseded_by)}" if signal.superseded_by else "cleared"
        parts.append(f"{by} at step {formatting.count(signal.cleared_at)}")
    return ", ".join(parts)


def _known_word(signal: Signal, word: str) -> str:
    """``snoozed`` where a person knows of it for a while only."""
    snoozed = signal.snoozed_until is not None or signal.snoozed_until_step is not None
    return "snoozed" if snoozed and signal.cleared_at is None else word


def _snooze_words(view: RunView, signal: Signal) -> str:
    """Until when."""
    if signal.snoozed_until_step is not None:
        return f" until step {formatting.count(signal.snoozed_until_step)}"
    newest = view.state.last_event_t
    if signal.snoozed_until is None or newest is None:
        return ""
    left = signal.snoozed_until - newest - (view.age_s or 0.0)
    return f" for another {formatting.brief(left)}" if left > 0 else ""


def _evidence(signal: Signal, width: int) -> list[Line]:
    """Number by number, the values under each other; in two columns where they fit."""
    pairs = [
        (cell(clean(name).replace("_", " "), "dim"), cell(evidence_value(value)))
        for name, value in signal.evidence.items()
    ]
    if not pairs:
        return []
    half = (len(pairs) + 1) // 2
    left, right = pairs[:half], [*pairs[half:], ((), ())]
    wide: list[tuple[Line, ...]] = [(*pair, *beside) for pair, beside in zip(left, right, strict=False)]
    room = max(24, width - 16)
    columns, rows = _PAIR, list[tuple[Line, ...]](pairs)
    if len(pairs) > 3 and table_width((*_PAIR, *_PAIR), wide) <= room:
        columns, rows = ((*_PAIR, *_PAIR), wide)
    table = table_lines(columns, rows, room, titles=False)
    heads = ["evidence"] + [""] * len(table)
    return [(Bit(f"{head:<14}  ", "dim"), *row) for head, row in zip(heads, table, strict=False)]


def done_words(state: RunState, signal: Signal) -> str:
    """What guard does about a signal, did, or would do: never more than what really happens."""
    over = not state.status.live
    acts = signal.action in _DOES
    if over:
        because = (f"{signal.action}:{signal.id}", f"abort:{signal.id}", f"{signal.action}:policy", signal.id)
        if acts and state.reason in because:
            return f"{_DID[signal.action]} because of it"
        return "nothing (any more): the run is over"
    if signal.cleared_at is not None:
        return "nothing: it is over"
    if signal.would_do is not None and signal.would_do in _DID:
        return f"only watches, as the policy says; by default it would have {_DID[signal.would_do]}"
    if not acts:
        return "tells, and leaves the decision to a person"
    if not signal.recorded or not state.supervised:
        does = "stop it safely" if signal.action == "stop" else "abort it"
        return f"nothing: no supervisor watches this run; one would {does}"
    return f"{_DOES[signal.action]}, as the policy says"


def no_signal_lines(view: RunView, width: int, g: Glyphs) -> list[Line]:
    """Nothing is wrong: who looked."""
    state = view.state
    who = "its supervisor" if state.supervised else "this viewer: no supervisor watches this run"
    if not state.step:
        return [line(("Nothing to judge yet: the run has taken no step.", "dim"))]
    return [
        line((f"{g.done} nothing is wrong", "good")),
        *broken(f"Judged by {who}, up to step {formatting.count(state.step)}.", width, "dim"),
    ]
