"""What an item of the checklist sees, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from guardrun.judging.check_records import Check
from guardrun.judging.facts import RunFacts
from guardrun.judging.log_seal import LogSeal

State = Literal["pass", "fail", "unknown"]

WORSE: Final[Mapping[State, int]] = {"pass": 0, "unknown": 1, "fail": 2}
EVENTS: Final = "events.jsonl"
ATTEMPT: Final = "attempts"
SUPERVISOR: Final = "supervisor.jsonl"


class Answer(NamedTuple):
    """The state of one item: what it rests on, and what to do where it is not green."""

    state: State
    text: str
    """The evidence as a sentence."""
    file: str = ""
    """The file that shows it, relative to the run directory (or absolute)."""
    value: Any = None
    """What stands there."""
    next: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"text": self.text, "file": self.file or None, "value": self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What looking at the best checkpoint just now has shown."""

    verified: bool
    file: str
    problem: str = ""
    step: int | None = None
    metric: float | None = None
    sha256: str = ""
    """Hash of its meta.json; "" where nobody looked."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """commit, dirty, config_sha256, data: what the checkpoint says of its origin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known beside the run's own facts; None: not looked for."""

    siblings: tuple[RunFacts, ...] | None = None
    """Runs of the same configuration but for the seed, this one left out."""
    unlike: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Run id -> differing settings, of the runs of its group with other seeds and another configuration."""
    twin: RunFacts | None = None
    """A run of another seed with the very same curve."""
    check: Check | None = None
    """The kept result of `guard check` for this configuration."""
    proof: Proof | None = None
    """Of the best checkpoint, made now."""
    kept_diff: bool | None = None
    """Whether the difference to the commit lies in the run directory."""
    audited: Mapping[str, Any] | None = None
    """The kept answer of `guard audit`: time, verdict, events_bytes."""
    audited_now: State | None = None
    """The answer that is just being made."""
    grown_since_audit: bool = False
    seal: LogSeal | None = None
    """What the lines of the log tell of their own completeness."""
    copied: Mapping[str, str] = field(default_factory=dict)
    """Run id of a sibling -> id of the run whose checkpoint it holds: no repeat but a copy."""


def passed(text: str, file: str = "", value: Any = None) -> Answer:
    return Answer("pass", text, file, value)


def failed(text: str, next: str, file: str = "", value: Any = None) -> Answer:
    return Answer("fail", text, file, value, next)


def unknown(text: str, next: str, file: str = "", value: Any = None) -> Answer:
    return Answer("unknown", text, file, value, next)


def worst(answers: Iterable[Answer], good: Answer) -> Answer:
    """The first of the worst answers that are not green; ``good`` when all are."""
    bad = [answer for answer in answers if answer.state != "pass"]
    return max(bad, key=lambda answer: WORSE[answer.state], default=good)


def of_check(around: Around, seed_item: int, only: str, about: str) -> Answer | None:
    """What the kept `guard check` says of that item; None when none was made or it did not look."""
    check = around.check
    if check is None:
        return None
    if not check.intact:
        text = "the kept result is not as `guard check` wrote it"
        return unknown(text, f"guard check CONFIG --only {only}", str(check.path))
    items = [item for item in check.items() if item.get("seed_item") == seed_item]
    failing = any(item.get("verdict") == "fail" for item in items)
    if not failing and all(item.get("id") != only for item in items):
        return None
    again = f"guard check CONFIG --only {only}"
    item = max(items, key=lambda each: (_weight(each), each.get("id") == only))
    name, file = str(item.get("id") or about), str(check.path)
    what, way = _said(item), str(item.get("next") or "")
    told = what if len(items) == 1 else f"{name}: {what}"
    if item.get("verdict") == "fail":
        return failed(told, way or again, file, item.get("evidence"))
    if item.get("verdict") != "pass":
        return unknown(told, way or again, file, item.get("evidence"))
    if not check.same_code:
        return unknown(f"{name} passed, but with other code than this run's", again, file, check.commit)
    return passed(told, file, item.get("evidence"))


def _weight(item: Mapping[str, Any]) -> int:
    return {"pass": 0, "fail": 2}.get(str(item.get("verdict")), 1)


def _said(item: Mapping[str, Any]) -> str:
    """The evidence of a check's item in words."""
    evidence = item.get("evidence")
    if isinstance(evidence, Mapping):
        text = evidence.get("text") or evidence.get("message")
        if isinstance(text, str) and text:
            return text
        parts = [f"{key} {_short(value)}" for key, value in evidence.items() if _is_short(value)]
        return ", ".join(parts[:5]) or str(item.get("verdict"))
    return str(evidence) if isinstance(evidence, str) and evidence else str(item.get("verdict"))


def _is_short(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and 0 < len(value) <= 60)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def standing(facts: RunFacts, *names: str) -> list[str]:
    """Ids of the signals of these names that stand, or stood at the run's end."""
    return [each.id for each in facts.signals if each.cleared_at is None and each.id in names]
