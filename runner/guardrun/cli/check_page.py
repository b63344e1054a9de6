"""What ``guard check`` prints: a line or two for each check."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from guardrun.cli.output import padded, screen_width, shortened, shortened_middle
from guardrun.cli.terminal import styled
from guardrun.judging.sanity_model import Item
from guardrun.reading.plain_text import plain
from guardtui.glyphs import choose

_WIDEST: Final = 100
_NAME: Final = 16
_STYLES: Final = {"pass": ("green",), "fail": ("red", "bold"), "unknown": ("yellow",)}


def head_lines(file: str, steps: int, seconds: float, checks: int) -> list[str]:
    """What is about to happen."""
    width = screen_width(_WIDEST)
    what = f"{checks} check{'s' if checks != 1 else ''}, trainings of {steps} steps or {seconds:g} s at most"
    return [styled(shortened_middle(plain(file), width), "bold"), styled(shortened(what, width), "dim")]


def item_lines(item: Item, before: Item | None = None, *, width: int | None = None) -> list[str]:
    """The verdict with its evidence, and what to look at next; what was said ``before`` is not said again."""
    width = screen_width(_WIDEST) if width is None else width
    if before is not None and (item.verdict, item.text, item.next) == (
        before.verdict, before.text, before.next,
    ):  # fmt: skip
        item = item._replace(text="as above", next="")
    head = f"{_mark(item.verdict)} {padded(item.id, _NAME)}"
    room = max(20, width - _NAME - 3)
    texts = textwrap.wrap(plain(item.text), room, break_long_words=True) or [""]
    lines = [f"{styled(head, *_STYLES[item.verdict])} {texts[0]}"]
    indent = " " * (_NAME + 3)
    lines += [f"{indent}{text}" for text in texts[1:]]
    if item.next:
        way = textwrap.wrap(f"next: {plain(item.next)}", room, break_long_words=True)
        lines += [styled(f"{indent}{text}", *(() if item.verdict != "pass" else ("dim",))) for text in way]
    return lines


def end_lines(
    items: Sequence[Item], verdict: str, trainings: int, seconds: float, kept: Path | None
) -> list[str]:
    """How many of each, and what it took."""
    counts = [
        f"{sum(item.verdict == kind for item in items)} {word}"
        for kind, word in (("pass", "passed"), ("fail", "failed"), ("unknown", "unknown"))
        if any(item.verdict == kind for item in items)
    ]
    took = f"{trainings} trainings in {seconds:.0f} s"
    lines = ["", f"{styled(verdict, *_STYLES[verdict])}  {', '.join(counts)}  {styled(took, 'dim')}"]
    return lines if kept is None else [*lines, f"kept in {plain(str(kept))}"]


def _mark(verdict: str) -> str:
    glyphs = choose()
    return {"pass": glyphs.finished, "fail": glyphs.failed, "unknown": "?"}[verdict]
