"""Headings, labelled facts and wrapped text: what the panes of text are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from guardtui.text import Bit, Line, Tone, clean, column, line, shorten, wrapped

LABEL: Final = 14
_MOST: Final = 400


def heading(title: str, remark: str = "") -> Line:
    """The title of a section, with a quiet remark."""
    return line((clean(title), "accent"), (f"  {remark}" if remark else "", "dim"))


def section(title: str, body: list[Line], remark: str = "") -> list[Line]:
    """A heading and what is under it, after an empty line; nothing when there is nothing under it."""
    return [(), heading(title, remark), *body] if body else []


def fact(
    label: str, value: object, width: int, tone: Tone = "text", *, label_width: int = LABEL
) -> list[Line]:
    """A label and its text, wrapped beside it; nothing for an empty text."""
    rows = broken(clean(value), max(10, width - label_width - 2), tone)
    heads = [clean(label)] + [""] * len(rows)
    return [
        (Bit(f"{column(head, label_width)}  ", "dim"), *row) for head, row in zip(heads, rows, strict=False)
    ]


def facts(pairs: Iterable[tuple[str, Any]], width: int, *, label_width: int = LABEL) -> list[Line]:
    """Several of them."""
    return [each for label, value in pairs for each in fact(label, value, width, label_width=label_width)]


def broken(text: str, width: int, tone: Tone = "text") -> list[Line]:
    """Wrapped at words; a word that is longer than a line (a path, a hash) goes on in the next."""
    width = max(4, width)
    parts: list[str] = []
    for word in text.split():
        while len(word) > width:
            parts.append(word[:width])
            word = word[width:]
        parts.append(word)
    return wrapped(" ".join(parts), width, tone)


def flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested mappings as dotted keys; empty values are left out."""
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            pairs += flat(value, f"{prefix}{key}.")
        elif value not in (None, "", [], ()):
            pairs.append((f"{prefix}{key}", value))
    return pairs[:_MOST]


def hash_words(value: object, cells: int = 12) -> str:
    """The beginning of a hash, which tells it apart."""
    return shorten(clean(value), cells)
