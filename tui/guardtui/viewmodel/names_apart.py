"""Names of runs made short so that what tells them apart stays visible. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

from guardtui.text import shorten

_LEAST_SHARED: Final = 4
"""Characters that all names begin or end with before they are left out."""
BORDERS: Final = "-_/: ="
"""Between words of a name."""


def names_apart(names: Sequence[str], width: int) -> list[str]:
    """Each name in at most ``width`` cells.

    What all of them begin with gives way first, then what all of them end with, then the middle.

    >>> names_apart(["resnet18-cifar10-lr0.1-seed1", "resnet18-cifar10-lr0.3-seed1"], 12)
    ['…lr0.1-seed1', '…lr0.3-seed1']
    >>> names_apart(["resnet18-cifar10-lr0.1-seed1", "resnet18-cifar10-lr0.3-seed1"], 7)
    ['…lr0.1…', '…lr0.3…']
    """
    if all(cell_len(name) <= width for name in names):
        return list(names)
    if len(set(names)) < 2:
        return [in_the_middle(name, width) for name in names]
    front = _border(shared_start(names))
    rests = [f"…{name[front:]}" if front else name for name in names]
    if any(cell_len(rest) > width for rest in rests):
        back = _border(shared_start([name[front:][::-1] for name in names]))
        rests = [f"{rest[: len(rest) - back]}…" if back else rest for rest in rests]
    return [in_the_middle(rest, width) for rest in rests]


def shared_start(names: Sequence[str]) -> str:
    """What all names begin with, character by character."""
    first, last = min(names, default=""), max(names, default="")
    return first[
        : next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    ]


def _border(shared: str) -> int:
    """How much of what is shared can go: up to its last border between words, so that no word is cut."""
    end = max((shared.rfind(sign) for sign in BORDERS), default=-1) + 1
    return end if end >= _LEAST_SHARED else 0


def in_the_middle(text: str, width: int) -> str:
    """``text`` in at most ``width`` cells; what is left out is its middle.

    >>> in_the_middle("abcdefghij", 5), in_the_middle("abc", 5)
    ('ab…ij', 'abc')
    """
    if cell_len(text) <= width or width < 3:
        return shorten(text, width)
    tail, cells = "", 0
    for char in reversed(text):
        cells += cell_len(char)
        if cells > (width - 1) // 2:
            break
        tail = char + tail
    return shorten(text, width - cell_len(tail)) + tail
