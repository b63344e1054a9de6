"""The language of the filter: words, ``field:value``, comparisons; a space is AND, ``|`` is OR, ``-`` is NOT.

``parse`` never raises: what it does not understand is a problem with its place, for the line under the field.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from guardtui.viewmodel.filter_facts import (
    NUMBERS,
    TEXTS,
    Facts,
    as_number,
    matches_pattern,
    number_of,
    words_of,
)
from guardtui.viewmodel.filter_scanner import Chunk, Raw, Wrong, scan

_SIGN: Final = re.compile(r"<=|>=|!=|==|<|>|=|:")
_COMPARES: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_OF_METRICS: Final = ("best", "last", "min", "max")
_LONGEST: Final = 2000

HELP: Final = (
    ("digits sgd", "every word somewhere in name, group, status, host, tag, metric or signal"),
    ("name:digits*", "a field: name, group, status, host, tag, signal, id, reason, metric, user, tool"),
    ("status:live", "queued, starting, running, stopping or hung; status:over is the rest"),
    ("signal:nan|act", "a signal that stands, by name or severity; either of two"),
    ("params.lr>=1e-3", "a value of the configuration; lr=… finds params.lr too; = knows * and ?"),
    ("val/loss<0.4", "the last value of a metric; val/loss=nan finds broken ones"),
    ("best:val/acc>0.9", "its best; also min: and max:"),
    ("age>10m eta<1h", "also step, epoch, progress, time, rate, gpu, memory (8GB), attempt, ranks, cost"),
    ("has:test/acc", "has logged it; also a configured key, signal, tag, group, checkpoint, gpu, error"),
    ("-status:failed", "not; also with !"),
    ("a | b c", "a or b, and c as well"),
    ('name:"my run"', "quotes keep spaces and signs together"),
    ("by:params.lr", "group the list by a value of the configuration"),
)
"""Examples with what they mean: for the help page and the documentation."""


class Problem(NamedTuple):
    """What is not understood."""

    at: int
    """Character, counted from 0."""
    words: str


@dataclass(frozen=True, slots=True)
class Term:
    """One question: any of ``values`` by ``sign``, or none of them when ``negated``."""

    kind: str
    """``word``, ``text``, ``has``, ``number``, ``value`` (configuration or metric), best, last, min, max."""
    key: str
    sign: str
    values: tuple[str, ...]
    negated: bool = False

    def holds(self, facts: Facts) -> bool:
        """Whether the run answers with yes."""
        return any(_one(self, value, facts) for value in self.values) != self.negated


@dataclass(frozen=True, slots=True)
class Filter:
    """What is listed: every clause must hold, by at least one of its terms."""

    text: str = ""
    clauses: tuple[tuple[Term, ...], ...] = ()
    by: str = ""
    """The key of the configuration by which the list is grouped, with ``by:``."""
    problem: Problem | None = None

    def matches(self, facts: Facts) -> bool:
        """Whether the run is listed."""
        return all(any(term.holds(facts) for term in clause) for clause in self.clauses)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics of which the filter must know few numbers, as patterns."""
        terms = [term for clause in self.clauses for term in clause]
        keys = {term.key for term in terms if term.kind in ("value", *_OF_METRICS)}
        keys.update(value for term in terms if term.kind == "has" for value in term.values)
        return tuple(sorted(keys))


def parse(text: str) -> Filter:
    """The filter that a text means; with a problem, and without clauses, where it means none."""
    if len(text) > _LONGEST:
        return Filter(text, problem=Problem(_LONGEST, f"a filter has at most {_LONGEST} characters"))
    try:
        clauses = [tuple(term for chunk in chunks for term in _terms(chunk)) for chunks in scan(text)]
    except Wrong as wrong:
        return Filter(text, problem=Problem(wrong.at, wrong.words))
    groups = [term.values[-1] for clause in clauses for term in clause if term.kind == "by"]
    kept = tuple(clause for clause in clauses if not any(term.kind == "by" for term in clause))
    return Filter(text, kept, groups[-1] if groups else "")


def standing(typed: Filter, before: Filter) -> Filter:
    """What is listed while the text is not understood: what stands before the term that is being typed.

    On the way to ``age>1h`` nobody means the word "age". A mistake further inside leaves ``before`` standing.
    """
    if typed.problem is None:
        return typed
    start = typed.text[: typed.problem.at]
    begun = max((place for place, char in enumerate(start) if char.isspace()), default=-1) + 1
    inside = any(char.isspace() for char in typed.text[typed.problem.at :].strip())
    earlier = parse(typed.text[:begun].rstrip())
    quote = typed.text[typed.problem.at : typed.problem.at + 1] in ('"', "'")
    return before if earlier.problem is not None or (inside and not quote) else earlier


def _terms(chunk: Chunk) -> list[Term]:
    """Terms of a chunk; a bare value behind ``|`` belongs to the term before it."""
    terms: list[Term] = []
    for raw in chunk.alternatives:
        bare = not _SIGN.search(raw.plain) and raw.plain[:1] not in ("-", "!")
        if terms and bare:
            before = terms[-1]
            _checked(before, raw)
            terms[-1] = replace(before, values=(*before.values, raw.text.casefold()))
        else:
            terms.append(_term(raw))
    return terms


def _term(raw: Raw) -> Term:
    negated = raw.plain[:1] in ("-", "!") and raw.plain[:2] != "!="
    if negated:
        raw = raw.cut(1)
        if not raw.text:
            raise Wrong(raw.at - 1, "something is wanted after the sign for NOT")
    sign = _SIGN.search(raw.plain)
    if sign is None:
        return Term("word", "", "", (raw.text.casefold(),), negated)
    key, value = raw.cut(0, sign.start()), raw.cut(sign.end())
    if not key.text:
        raise Wrong(raw.at, f"a name is wanted before “{sign.group()}”")
    made = _field(key, value) if sign.group() == ":" else _comparison(key, sign.group(), value)
    return replace(made, negated=made.negated != negated)


def _field(key: Raw, value: Raw) -> Term:
    name = key.text.casefold()
    if name in _OF_METRICS:
        return _of_metric(name, value)
    if name not in TEXTS and name not in ("has", "by"):
        hint = " (numbers are compared: <, =, >)" if name in NUMBERS else "; quotes make it a word"
        raise Wrong(key.at, f"no field “{key.text}”{hint}")
    if not value.text:
        raise Wrong(value.at, _wanted(name))
    return Term(name if name in ("has", "by") else "text", name, ":", (value.text.casefold(),))


def _wanted(name: str) -> str:
    if name == "status":
        return (
            "status: live, over, running, stopping, finished, stopped, aborted, failed, killed, hung, lost?"
        )
    return f"a value is wanted after “{name}:”"


def _of_metric(what: str, rest: Raw) -> Term:
    sign = _SIGN.search(rest.plain)
    if sign is None or sign.group() == ":" or not sign.start():
        raise Wrong(rest.at, f"“{what}:” wants a metric and a comparison, as in {what}:val/loss<0.4")
    made = _comparison(rest.cut(0, sign.start()), sign.group(), rest.cut(sign.end()))
    return replace(made, kind=what)


def _comparison(key: Raw, sign: str, value: Raw) -> Term:
    name = key.text.casefold()
    negated, sign = sign == "!=", "=" if sign in ("!=", "==") else sign
    if not value.text:
        raise Wrong(value.at, f"a value is wanted after “{sign}”")
    kind = "text" if name in TEXTS else "number" if name in NUMBERS else "value"
    made = Term(kind, name, sign, (value.text.casefold(),), negated)
    if kind == "text" and sign != "=":
        raise Wrong(key.at, f"“{name}” is a word, not a number: {name}:…")
    _checked(made, value)
    return made


def _checked(term: Term, value: Raw) -> None:
    """Raises Wrong where a number is needed and none is given."""
    needed = term.sign in _COMPARES or term.kind == "number"
    if needed and number_of(value.text, term.key) is None:
        raise Wrong(value.at, f"“{value.text}” is no number to compare {term.key} with")


def _one(term: Term, value: str, facts: Facts) -> bool:
    """Whether one value of a term fits the run."""
    if term.kind == "word":
        return value in facts.haystack
    if term.kind == "text":
        return any(_like(text, value, whole=term.sign == "=") for text in facts.texts(term.key))
    if term.kind == "has":
        return facts.has(value)
    if term.kind == "number":
        return _compares(NUMBERS[term.key](facts.view), term.sign, value, term.key)
    if term.kind in _OF_METRICS:
        return any(_compares(each, term.sign, value) for each in facts.metric(term.key, term.kind))
    found = facts.configured(term.key) or facts.metric(term.key, "last")
    return any(_compares(each, term.sign, value) for each in found)


def _like(text: str, value: str, *, whole: bool) -> bool:
    pattern = whole or "*" in value or "?" in value
    return matches_pattern(text, value) if pattern else value in text


def _compares(found: Any, sign: str, value: str, field: str = "") -> bool:
    left, right = as_number(found), number_of(value, field)
    if left is not None and right is not None:
        if sign == "=":
            return left == right or (left != left and right != right)
        return _COMPARES[sign](left, right)
    return sign == "=" and matches_pattern(words_of(found), value)
