"""The text of a filter cut into terms: spaces, ``|`` and quotes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MASK: Final = "\0"
_OPENS_QUOTE: Final = ":=<>|-!"
"""Quotes open at the beginning of a term or behind one of these; elsewhere they are part of a word."""


class Wrong(Exception):
    """What cannot be understood, and at which character (counted from 0)."""

    def __init__(self, at: int, words: str) -> None:
        super().__init__(words)
        self.at = at
        self.words = words


@dataclass(frozen=True, slots=True)
class Raw:
    """One alternative as it was typed, without its quotes."""

    text: str
    plain: str
    """The same with quoted characters masked: signs are looked for here."""
    at: int

    def cut(self, start: int, end: int | None = None) -> Raw:
        """A part of it."""
        return Raw(self.text[start:end], self.plain[start:end], self.at + start)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What stands between two spaces: alternatives, and whether they are joined to a neighbour."""

    alternatives: tuple[Raw, ...]
    joins_before: bool
    joins_after: bool
    at: int


def scan(text: str) -> list[list[Chunk]]:
    """Clauses, all of which must hold; each a list of chunks, one of which must. Raises Wrong."""
    clauses: list[list[Chunk]] = []
    joining = False
    for chunk in _chunks(text):
        if chunk.joins_before and not clauses:
            raise Wrong(chunk.at, "something is wanted before “|”")
        if chunk.joins_before or joining:
            clauses[-1].append(chunk)
        else:
            clauses.append([chunk])
        joining = chunk.joins_after
    if joining:
        raise Wrong(len(text.rstrip()), "something is wanted after “|”")
    return clauses


def _chunks(text: str) -> list[Chunk]:
    found: list[Chunk] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        end, parts = _parts(text, place)
        found.append(_chunk(parts, place))
        place = end
    return found


def _chunk(parts: list[Raw], at: int) -> Chunk:
    kept = [part for part in parts if part.text or _MASK in part.plain]
    middle = parts[1:-1]
    empty = next((part for part in middle if part not in kept), None)
    if empty is not None and len(parts) > 2:
        raise Wrong(empty.at, "something is wanted between two “|”")
    return Chunk(tuple(kept), parts[0] not in kept, parts[-1] not in kept, at)


def _parts(text: str, place: int) -> tuple[int, list[Raw]]:
    """Alternatives of the chunk that begins at ``place``, and where it ends."""
    parts: list[Raw] = []
    taken, plain, begun = "", "", place
    while place < len(text) and not text[place].isspace():
        char = text[place]
        if char == "|":
            parts.append(Raw(taken, plain, begun))
            taken, plain, begun = "", "", place + 1
        elif char in "\"'" and (not plain or plain[-1] in _OPENS_QUOTE):
            end = text.find(char, place + 1)
            if end < 0:
                raise Wrong(place, f"the quote {char} is not closed")
            quoted = text[place + 1 : end]
            if not quoted:
                raise Wrong(place, "there is nothing between the quotes")
            taken, plain = taken + quoted, plain + _MASK * len(quoted)
            place = end
        else:
            taken, plain = taken + char, plain + char
        place += 1
    parts.append(Raw(taken, plain, begun))
    return place, parts
