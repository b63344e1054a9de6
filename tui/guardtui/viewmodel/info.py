"""Everything about one run, as text to scroll."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from guardrun.state.model import CheckpointRef, RunState
from guardrun.state.money import money_words
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, clean, column, line, wrapped
from guardtui.viewmodel.faces import active_signals, status_face
from guardtui.viewmodel.run_header import reason_words
from guardtui.viewmodel.signal_lines import full_lines

_LABEL: Final = 14
_MOST: Final = 40


def info_lines(view: RunView, width: int, g: Glyphs) -> list[Line]:
    """Sections: identity, signals, checkpoints, attempts, start, environment, data, notes."""
    state = view.state
    face = status_face(state.status, g)
    lines = [line((clean(state.name), "title"), (f"  {face.shape} {face.word}", face.tone)), ()]
    lines += _pairs(
        (
            ("run", state.run_id), ("folder", view.path), ("group", state.group or ""),
            ("reason", reason_words(state)),
            ("exit code", "" if state.exit_code is None else state.exit_code),
            ("host", state.host), ("ranks", state.ranks if state.ranks > 1 else ""),
            ("supervised", "yes" if state.supervised else "no: nothing acts by itself"),
            ("can save", "yes" if state.can_save else "no: a stop loses what the script did not save itself"),
            ("time", formatting.duration(state.elapsed_s) if state.elapsed_s is not None else ""),
            ("cost", money_words(state.cost, state.currency) if state.cost is not None else ""),
        ),
        width,
    )  # fmt: skip
    lines += _section("Signals", signals_section(state, width, g))
    lines += _section(
        "Checkpoints", _checkpoint("best", state.best, width) + _checkpoint("last", state.last, width)
    )
    lines += _section("Attempts", _attempts(state, width))
    lines += _section("Started as", _pairs((("command", " ".join(state.command)), *_git(state)), width))
    for title, facts in (("Configuration", state.config), ("Environment", state.env), ("Seeds", state.seeds)):
        lines += _section(title, _pairs(_flat(facts), width))
    for event in state.data:
        facts = {key: value for key, value in event.items() if key not in ("t", "seq", "kind", "name")}
        lines += _section(f"Data: {clean(event.get('name', ''))}", _pairs(_flat(facts), width))
    remarks = [
        *state.notes,
        *((f"{state.bad_lines} unreadable lines were skipped",) if state.bad_lines else ()),
    ]
    lines += _section(
        "Notes", [each for note in remarks for each in wrapped(clean(note), width, indent="  ")]
    )
    return lines


def _section(title: str, body: list[Line]) -> list[Line]:
    return [(), line((title, "accent")), *body] if body else []


def _pairs(pairs: Iterable[tuple[str, Any]], width: int) -> list[Line]:
    lines: list[Line] = []
    for label, value in pairs:
        rows = wrapped(clean(value), max(10, width - _LABEL - 2))
        for number, row in enumerate(rows):
            head = column(clean(label) if number == 0 else "", _LABEL)
            lines.append((Bit(f"{head}  ", "dim"), *row))
    return lines


def _flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested mappings as dotted keys; empty values are left out."""
    pairs: list[tuple[str, Any]] = []
    for key, value in facts.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{key}.")
        elif value not in (None, "", [], ()):
            pairs.append((f"{prefix}{key}", value))
    return pairs[:_MOST]


def signals_section(state: RunState, width: int, g: Glyphs) -> list[Line]:
    """Every signal whole: those that stand, then those that cleared."""
    cleared = [signal for signal in reversed(state.signals) if signal.cleared_at is not None]
    lines: list[Line] = []
    for signal in (*active_signals(state.signals), *cleared):
        lines += full_lines(signal, width, g)
    return lines


def _checkpoint(role: str, ref: CheckpointRef | None, width: int) -> list[Line]:
    if ref is None:
        return []
    proof = {True: "verified", False: "damaged", None: "not proved yet"}[ref.verified]
    parts = [
        f"step {formatting.count(ref.step)}",
        f"metric {formatting.number(ref.metric)}" if ref.metric is not None else "",
        formatting.size(ref.bytes) if ref.bytes is not None else "",
        f"{proof}: {ref.problem}" if ref.problem else proof,
    ]
    return _pairs(((role, ref.path), ("", ", ".join(part for part in parts if part))), width)


def _attempts(state: RunState, width: int) -> list[Line]:
    pairs = []
    for attempt in state.attempts:
        took = (
            formatting.duration(attempt.ended - attempt.started) if attempt.ended is not None else "running"
        )
        outcome = f", {attempt.status}" if attempt.status else ""
        because = f" ({attempt.reason})" if attempt.reason else ""
        pairs.append(
            (
                f"{attempt.number}",
                f"from step {formatting.count(attempt.from_step)}, {took}{outcome}{because}",
            )
        )
    return _pairs(pairs, width)


def _git(state: RunState) -> tuple[tuple[str, Any], ...]:
    git = state.git
    if not git:
        return ()
    dirty = " with uncommitted changes (git.diff)" if git.get("dirty") else ""
    return (("commit", f"{git.get('commit') or 'none'}{dirty}"), ("branch", git.get("branch") or ""))
