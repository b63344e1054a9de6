"""Lines of toned text: what the view model makes and widgets draw. There is no markup to be injected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size

from guardrun.reading.plain_text import plain

Tone = Literal[
    "text",
    "dim",
    "strong",
    "title",
    "good",
    "warn",
    "bad",
    "info",
    "accent",
    "key",
    "rest",
    "danger",
    "found",
]
"""What a piece of text means; the theme decides how that looks."""


class Bit(NamedTuple):
    """A piece of one line in one tone."""

    text: str
    tone: Tone = "text"


Line: TypeAlias = tuple[Bit, ...]
_JUMP: Final = 16
"""Cells that are sent again rather than jumped over."""


def clean(text: object) -> str:
    """Any value from a run as one harmless line."""
    return plain(str(text)).strip()


def line(*parts: str | Bit | tuple[str, Tone]) -> Line:
    """A line from strings (tone "text") and pairs; empty parts vanish.

    >>> line("a", ("b", "dim"), "")
    (Bit(text='a', tone='text'), Bit(text='b', tone='dim'))
    """
    bits = (Bit(part) if isinstance(part, str) else Bit(*part) for part in parts)
    return tuple(bit for bit in bits if bit.text)


def width_of(bits: Line) -> int:
    """Terminal cells that a line takes."""
    return sum(cell_len(bit.text) for bit in bits)


def shorten(text: str, width: int) -> str:
    """``text`` in at most ``width`` cells, its end replaced by an ellipsis when it is longer.

    >>> shorten("learning", 5), shorten("lr", 5), shorten("x", 0)
    ('lear…', 'lr', '')
    """
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def shorten_start(text: str, width: int) -> str:
    """The same with its start replaced: of a path the end tells most.

    >>> shorten_start("study_0/trial_3", 8), shorten_start("lr", 5), shorten_start("x", 0)
    ('…trial_3', 'lr', '')
    """
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    while cell_len(text) > width - 1:
        text = text[max(1, (cell_len(text) - width + 1) // 2) :]
    return "…" + text.lstrip()


def column(text: str, width: int, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells."""
    text = shorten(text, width)
    space = " " * max(0, width - cell_len(text))
    return space + text if right else text + space


def fit(bits: Line, width: int) -> Line:
    """A line cut to ``width`` cells; the last visible piece gets the ellipsis."""
    if width_of(bits) <= width:
        return bits
    kept: list[Bit] = []
    left = width
    for bit in bits:
        cells = cell_len(bit.text)
        if cells > left or (cells == left and bit is not bits[-1]):
            kept.append(Bit(shorten(bit.text + "  ", left), bit.tone))
            break
        kept.append(bit)
        left -= cells
    return tuple(bit for bit in kept if bit.text)


def spread(left: Line, right: Line, width: int) -> Line:
    """``left`` and ``right`` at the two ends of ``width`` cells; when both don't fit, ``right`` goes."""
    gap = width - width_of(left) - width_of(right)
    if gap < 2:
        return fit(left, width)
    return (*left, Bit(" " * gap), *right)


def joined(parts: Iterable[Line], separator: Bit) -> Line:
    """Lines in a row with a separator between those that are not empty."""
    result: list[Bit] = []
    for part in parts:
        if part:
            result.extend((separator, *part) if result else part)
    return tuple(result)


def packed(parts: Iterable[Line], separator: Bit, width: int) -> Line:
    """As many of the parts, in order of importance, as fit whole into ``width`` cells."""
    kept: list[Line] = []
    for part in parts:
        if part and width_of(joined((*kept, part), separator)) <= width:
            kept.append(part)
    return joined(kept, separator)


def wrapped(text: str, width: int, tone: Tone = "text", *, indent: str = "") -> list[Line]:
    """Words of ``text`` on lines of at most ``width`` cells; later lines start with ``indent``."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        candidate = f"{current} {word}" if current.strip() else current + word
        if current.strip() and cell_len(candidate) > width:
            lines.append(current)
            candidate = indent + word
        current = candidate
    if current.strip():
        lines.append(current)
    return [line((shorten(each, width), tone)) for each in lines]


def changed_spans(before: Line, after: Line, width: int) -> list[tuple[int, int]]:
    """Spans of cells, each as its first and the one after its last, in which two lines differ on a row of
    ``width`` cells. Wide characters are never cut.

    >>> changed_spans(line("step 99, 10.0 steps a second, 7s"), line("step 98, 10.0 steps a second, 8s"), 40)
    [(6, 7), (30, 31)]
    """
    old, new = _cells(before, width), _cells(after, width)
    spans: list[tuple[int, int]] = []
    for at in range(width if old != new else 0):
        if old[at] == new[at]:
            continue
        start, end = at, at + 1
        while start > 0 and "" in (old[start][0], new[start][0]):
            start -= 1
        while end < width and "" in (old[end][0], new[end][0]):
            end += 1
        if spans and _is_near(spans[-1], start, new):
            first, last = spans.pop()
            start, end = min(first, start), max(last, end)
        spans.append((start, end))
    return spans


def _is_near(span: tuple[int, int], start: int, cells: list[tuple[str, str]]) -> bool:
    """Whether going on costs less than a jump and new colours, which are some forty bytes."""
    gap = start - span[1]
    return gap <= 1 or (gap <= _JUMP and len({tone for _, tone in cells[span[1] - 1 : start + 1]}) == 1)


def _cells(bits: Line, width: int) -> list[tuple[str, str]]:
    """Character and tone of every cell; the second half of a wide character is an empty string."""
    cells: list[tuple[str, str]] = []
    for text, tone in bits:
        if text.isascii() and text.isprintable():
            cells.extend([(char, tone) for char in text])
            continue
        for char in text:
            size = cell_len(char)
            if size:
                cells.append((char, tone))
                cells.extend([("", tone)] * (size - 1))
            elif cells:
                cells[-1] = (cells[-1][0] + char, tone)
    cells.extend([(" ", "text")] * (width - len(cells)))
    return cells[:width]


def text_of(bits: Line) -> str:
    """The characters alone."""
    return "".join(bit.text for bit in bits)
