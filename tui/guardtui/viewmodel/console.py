"""The training's own output: a window on many lines, a search, what follows the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from guardrun.reading.plain_text import plain
from guardtui.glyphs import Glyphs
from guardtui.text import Bit, Line, Tone, clean, fit, line

_MARGIN: Final = 2
_MOST_WRAPPED: Final = 40
"""Rows that one line may take."""
_ERROR: Final = re.compile(
    r"^Traceback \(most recent|^[\w.]*(?:Error|Exception)\b(?::|$)|\b(?:ERROR|CRITICAL)\b"
)
_WARNING: Final = re.compile(r"\b\w*Warning:|\bWARN(?:ING)?\b")
"""As Python and its logging begin them."""


def console_lines(console: Sequence[str], width: int, height: int) -> list[Line]:
    """The last ``height`` lines, cut to ``width``; none before the first output."""
    shown = [text.rstrip() for text in console[-height:]] if height > 0 else []
    if not any(shown):
        return []
    return [fit(line((clean(text), "dim")), width) for text in shown]


class Output(NamedTuple):
    """The lines that are held, by numbers that stay."""

    lines: Sequence[str]
    first: int = 0

    @property
    def end(self) -> int:
        """The number after the last line."""
        return self.first + len(self.lines)

    def text(self, number: int) -> str:
        """One line."""
        return self.lines[number - self.first]


class Row(NamedTuple):
    """One row of the screen: which line it is of."""

    number: int
    text: str


def rows_of(number: int, text: str, width: int, *, wrap: bool) -> list[Row]:
    """The rows that a line takes: one that is cut, or as many as it needs."""
    text = plain(text).rstrip()
    room = max(8, width - _MARGIN)
    if cell_len(text) <= room:
        return [Row(number, text)]
    if not wrap:
        return [Row(number, set_cell_size(text, room - 1) + "…")]
    rows: list[Row] = []
    while text and len(rows) < _MOST_WRAPPED:
        part = _head(text, room)
        rows.append(Row(number, part))
        text = text[len(part) :]
    return rows


def _head(text: str, room: int) -> str:
    """As much of a text as fits into ``room`` cells."""
    part = text[:room]
    while cell_len(part) > room:
        part = part[:-1]
    return part or text[:1]


def window(output: Output, top: int | None, width: int, height: int, *, wrap: bool) -> list[Row]:
    """The rows to show: from line ``top`` on, or with None the last ones."""
    rows: list[Row] = []
    if top is not None:
        for number in range(max(top, output.first), output.end):
            rows += rows_of(number, output.text(number), width, wrap=wrap)
            if len(rows) >= height:
                break
        return rows[:height]
    for number in range(output.end - 1, output.first - 1, -1):
        rows[:0] = rows_of(number, output.text(number), width, wrap=wrap)
        if len(rows) >= height:
            break
    return rows[-height:]


def drawn(rows: Sequence[Row], query: str, current: int | None, g: Glyphs) -> list[Line]:
    """The rows with every match told by its own tone, and the current one by a mark at the left, too; lines
    of errors and warnings have theirs."""
    lines: list[Line] = []
    before: int | None = None
    tone: Tone = "text"
    for row in rows:
        here = row.number == current
        mark = g.cursor if here and row.number != before else " "
        tone = tone if row.number == before else _tone_of(row.text)
        lines.append((Bit(mark + " ", "accent"), *_highlighted(row.text, query, tone)))
        before = row.number
    return lines


def _tone_of(text: str) -> Tone:
    return "bad" if _ERROR.search(text) else "warn" if _WARNING.search(text) else "text"


def _highlighted(text: str, query: str, tone: Tone) -> Line:
    low, wanted = text.lower(), query.lower()
    # Some letters change their length in lower case: then nothing is highlighted rather than the wrong cells.
    if not wanted or len(low) != len(text):
        return line((text, tone))
    parts: list[tuple[str, Tone]] = []
    place = 0
    while (found := low.find(wanted, place)) >= 0:
        parts += [(text[place:found], tone), (text[found : found + len(wanted)], "found")]
        place = found + len(wanted)
    return line(*parts, (text[place:], tone))


@dataclass
class Search:
    """Lines with the searched words; a line that was looked at is not looked at again."""

    query: str = ""
    matches: list[int] = field(default_factory=list)
    current: int | None = None
    _seen: tuple[int, int] = (0, 0)

    def start(self, query: str) -> None:
        """Search for something else."""
        if query != self.query:
            self.query, self.matches, self._seen = query, [], (0, 0)
            self.current = None

    def look(self, output: Output) -> None:
        """Take lines that are new, at either end, and forget those that are not held any more."""
        wanted = self.query.lower()
        if not wanted:
            return
        low, high = self._seen
        if low >= high or output.end <= low or output.first >= high:
            low = high = output.first
            self.matches = []
        # The newest line may have grown since it was seen.
        high = min(max(low, high - 1), output.end)
        kept = [number for number in self.matches if output.first <= number < high]
        earlier = self._found(output, output.first, min(low, output.end), wanted)
        later = self._found(output, max(high, output.first), output.end, wanted)
        self.matches = [*earlier, *kept, *later]
        self._seen = (output.first, output.end)
        if self.current is not None and self.current not in self.matches:
            self.current = None

    @staticmethod
    def _found(output: Output, start: int, end: int, wanted: str) -> list[int]:
        return [number for number in range(start, end) if wanted in output.text(number).lower()]

    def step(self, direction: int, place: int) -> int | None:
        """The next match after the current one (or near line ``place``), in a circle; None without any."""
        if not self.matches:
            return None
        if self.current in self.matches:
            at = (self.matches.index(self.current) + direction) % len(self.matches)
        else:
            later = [number for number, line_number in enumerate(self.matches) if line_number >= place]
            at = (later[0] if later else 0) if direction > 0 else ((later[0] if later else 0) - 1)
        self.current = self.matches[at]
        return self.current

    def words(self) -> str:
        """``match 3 of 12``."""
        if not self.query:
            return ""
        if not self.matches:
            return f"no match for “{clean(self.query)}”"
        if self.current is None:
            return f"{len(self.matches)} matches of “{clean(self.query)}”"
        return f"match {self.matches.index(self.current) + 1} of {len(self.matches)} of “{clean(self.query)}”"
