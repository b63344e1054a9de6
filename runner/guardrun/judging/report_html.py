"""The pieces that the HTML of a report is made of: untrusted text, code, prose, tables. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from guardrun.reading.plain_text import plain

MOST_RUNS: Final = 60
"""Rows of a table; how many more there are is told below it."""
_COMMAND: Final = re.compile(r"`([^`<>]+)`")


def text(value: Any, most: int = 400) -> str:
    """Untrusted text as HTML: no control characters, no tag, no attribute, of bounded length."""
    shown = plain(str(value))
    if len(shown) > most:
        shown = f"{shown[: most - 1]}…"
    return html.escape(shown, quote=True)


def code(value: Any, most: int = 400) -> str:
    return f"<code>{text(value, most)}</code>"


def prose(value: Any, most: int = 400) -> str:
    """A sentence of ours, commands between backticks set as code; what a run put in stays text."""
    return _COMMAND.sub(r"<code>\1</code>", text(value, most))


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], style: str) -> str:
    """A table whose cells are HTML already; wider than the page, it scrolls. Columns without a value go."""
    rows = list(rows)
    kept = [place for place in range(len(heads)) if not rows or any(row[place] != "–" for row in rows)]
    heads, rows = [heads[place] for place in kept], [[row[place] for place in kept] for row in rows]
    head = "".join(f'<th scope="col">{text(each)}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="{style}">{inner}</table></div>'


def rest(count: int, what: str, way: str) -> str:
    """How many a list leaves out, and which command has them all."""
    if count <= 0:
        return ""
    one = what.removesuffix("s") if count == 1 else what
    return f'<p class="muted">and {count:,} more {one}: {code(way)} has them all</p>'
