"""The data of a run: hashes, statistics per split, the split file, what was fitted on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from guardrun.events.schema import DATA, FIT, PREPROCESSING, SPLIT, TEST_USE, Event
from guardrun.state.values import real, table, whole, words
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, clean, line
from guardtui.viewmodel.paragraphs import fact, hash_words
from guardtui.viewmodel.tables import Column, cell, table_lines

_SETS: Final = (
    Column("split", rank=0, least=8), Column("examples", right=True, rank=0),
    Column("size", right=True, rank=3),
    Column("classes", right=True, rank=2), Column("sha256", rank=1), Column("findings", right=True, rank=4),
)  # fmt: skip
_FIELDS: Final = (
    Column("split", rank=1, least=8), Column("field", rank=0, least=8), Column("kind", rank=4),
    Column("mean", right=True, rank=0), Column("std", right=True, rank=1), Column("min", right=True, rank=2),
    Column("max", right=True, rank=2), Column("missing", right=True, rank=3),
)  # fmt: skip
_MOST_FIELDS: Final = 60


def data_lines(
    told: Mapping[str, Sequence[Event]], known: Sequence[Event], width: int, g: Glyphs
) -> list[Line]:
    """One line a data set, one a field, then the split file, what was fitted, findings."""
    sets = list({words(event.get("name")): event for event in (told.get(DATA) or known)}.values())
    lines: list[Line] = []
    if sets:
        lines += table_lines(_SETS, [_set_row(event) for event in sets], width)
    fields = [row for event in sets for row in _field_rows(event)]
    if fields:
        lines += [(), *table_lines(_FIELDS, fields[:_MOST_FIELDS], width)]
        if len(fields) > _MOST_FIELDS:
            lines.append(line((f"and {len(fields) - _MOST_FIELDS} more fields", "dim")))
    rest = _rest(told, width)
    found = [
        each
        for kind in (DATA, SPLIT, FIT, TEST_USE)
        for event in told.get(kind, ())
        for each in _findings(event, width, g)
    ]
    for part in (rest, found):
        lines += [(), *part] if part and lines else part
    return lines


def _set_row(event: Event) -> tuple[Line, ...]:
    classes = event.get("classes")
    findings = event.get("findings")
    count = len(findings) if isinstance(findings, list) else 0
    return (
        cell(clean(event.get("name", "")), "strong"),
        cell(formatting.count(whole(event.get("count")))),
        cell(formatting.size(real(event.get("bytes")))),
        cell(str(len(classes)) if isinstance(classes, Mapping) else ""),
        cell(hash_words(event.get("sha256") or "no hash")),
        cell(str(count) if count else "", "warn"),
    )


def _field_rows(event: Event) -> list[tuple[Line, ...]]:
    rows = []
    for name, about in table(event.get("fields")).items():
        facts = table(about)
        missing = whole(facts.get("missing")) or 0
        label = " (label)" if facts.get("label") is True else ""
        rows.append((
            cell(clean(event.get("name", "")), "dim"), cell(clean(name) + label),
            cell(clean(facts.get("dtype") or facts.get("kind") or ""), "dim"),
            *(cell(_number(facts, key)) for key in ("mean", "std", "min", "max")),
            cell(formatting.count(missing), "warn" if missing else "dim"),
        ))  # fmt: skip
    return rows


def _number(facts: Mapping[str, Any], key: str) -> str:
    value = real(facts.get(key))
    return "" if value is None else formatting.number(value)


def _rest(told: Mapping[str, Sequence[Event]], width: int) -> list[Line]:
    lines: list[Line] = []
    for event in told.get(SPLIT, ()):
        counts = ", ".join(
            f"{clean(name)} {clean(count)}" for name, count in table(event.get("counts")).items()
        )
        lines += fact("split file", clean(event.get("path", "")), width)
        lines += fact("", f"sha256 {hash_words(event.get('sha256') or 'unknown')}  {counts}", width)
    for event in told.get(FIT, ()):
        count = formatting.count(whole(event.get("count")))
        lines += fact("fitted on", f"{clean(event.get('name', ''))}, {count} examples", width)
    for event in told.get(PREPROCESSING, ()):
        steps = event.get("steps") or event.get("transforms") or event.get("text")
        shown = ", ".join(map(clean, steps)) if isinstance(steps, list) else clean(steps or "")
        lines += fact(f"prepared {clean(event.get('name', ''))}", shown, width)
    uses = told.get(TEST_USE, ())
    if uses:
        lines += fact("test split", f"used {len(uses)} times in this run", width)
    return lines


def _findings(event: Event, width: int, g: Glyphs) -> list[Line]:
    found = event.get("findings")
    lines: list[Line] = []
    for each in found if isinstance(found, list) else ():
        about = table(each)
        severe = about.get("severity") == "act"
        rows = fact("", words(about.get("message")), width)
        mark = f"{g.act if severe else g.warn} {'severe' if severe else 'finding'}"
        for number, row in enumerate(rows):
            head = Bit(f"{mark:<14}  ", "bad" if severe else "warn") if number == 0 else row[0]
            lines.append((head, *row[1:]))
        lines += fact("", words(about.get("next")), width, "dim")
    return lines
