"""The audit as a page: six questions and the sixteen items that answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guardrun.state.values import table, whole, words
from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, Tone, clean, column, line
from guardtui.viewmodel.paragraphs import broken

_WORDS: Final = {"pass": "done", "fail": "missing", "unknown": "unknown"}
_ANSWERS: Final = {"pass": "yes", "fail": "no", "unknown": "open"}
_TONES: Final[Mapping[str, Tone]] = {"pass": "good", "fail": "bad", "unknown": "warn"}
_QUESTIONS: Final = {
    "config": "configuration complete", "sanity": "sanity checks passed", "leakage": "no leakage",
    "checkpoint": "best checkpoint by a clear criterion, intact", "seeds": "repeated over seeds",
    "cost": "cost measured",
}  # fmt: skip
_VERDICTS: Final = {
    "pass": "may be declared", "fail": "not to be declared yet", "unknown": "questions are open",
}  # fmt: skip
_HEAD: Final = 36
"""Cells of number, state and name of an item."""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What ``guard audit --json`` answered, or why it did not."""

    document: Mapping[str, Any] | None
    problem: str = ""
    t: float = 0.0
    """When it was computed, in unix seconds."""
    when: str = ""
    """The same as a clock shows it here."""


def verdict_words(result: AuditResult) -> str:
    """The answer in few words."""
    return _VERDICTS.get(_state(result.document or {}), "no answer")


def audit_lines(result: AuditResult, width: int, g: Glyphs) -> list[Line]:
    """The verdict, the questions with what decides each, then the items one by one."""
    if result.document is None:
        return [line((f"{g.bad} the audit failed", "bad")), *broken(clean(result.problem), width)]
    document = result.document
    state = _state(document)
    lines = [
        line(
            (f"{_mark(state, g)} {_VERDICTS.get(state, state)}", _TONES.get(state, "text")),
            (f"  computed at {result.when}, from the files alone", "dim"),
        ),
        (),
    ]
    lines += [_question(answer, g) for answer in _list(document.get("items"))]
    items = _list(document.get("checklist"))
    done = sum(_state(item) == "pass" for item in items)
    lines += [(), line((f"Checklist: {done} of {len(items)} done", "accent"))]
    for item in items:
        lines += _item(item, width, g)
    return lines


def _question(answer: Mapping[str, Any], g: Glyphs) -> Line:
    state = _state(answer)
    sign = column(f"{_mark(state, g)} {_ANSWERS.get(state, state)}", 8)
    name = words(answer.get("id"))
    return line((sign, _TONES.get(state, "text")), (clean(_QUESTIONS.get(name, name)), "strong"))


def _item(item: Mapping[str, Any], width: int, g: Glyphs) -> list[Line]:
    """Number, state, name; what it rests on; how it turns green."""
    state = _state(item)
    tone = _TONES.get(state, "text")
    number = whole(item.get("seed_item"))
    sign = column(f"{_mark(state, g)} {_WORDS.get(state, state)}", 10)
    name = column(clean(item.get("id") or ""), 23)
    head = (Bit(column(str(number or ""), 2, right=True) + " ", "dim"), Bit(sign, tone), Bit(name, "strong"))
    evidence = broken(clean(words(table(item.get("evidence")).get("text"))), max(16, width - _HEAD - 1))
    beside = width >= _HEAD + 30
    if beside:
        first, *others = evidence or [()]
        lines = [(*head, Bit(" "), *first)]
        lines += [(Bit(" " * (_HEAD + 1)), *row) for row in others]
    else:
        lines = [head]
        lines += [
            (Bit("   "), *row)
            for row in broken(clean(words(table(item.get("evidence")).get("text"))), width - 3)
        ]
    way = words(item.get("next"))
    if way and state != "pass":
        indent = _HEAD + 1 if beside else 3
        rows = broken(clean(way), max(16, width - indent - 4), "info")
        lines += [
            (Bit(" " * indent + ("do: " if number == 0 else "    "), "dim"), *row)
            for number, row in enumerate(rows)
        ]
    return lines


def _list(value: object) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _state(about: Mapping[str, Any]) -> str:
    return words(about.get("verdict")) or "unknown"


def _mark(state: str, g: Glyphs) -> str:
    return {"pass": g.done, "fail": g.bad}.get(state, "?")
