"""What is safe and wanted on this terminal: colours by leave, no control characters from a run."""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

_COLOURS = re.compile(r"\x1b\[[0-9;:]{0,40}m")
_SEQUENCES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def safe_console(text: str, *, colours: bool) -> str:
    """A training's own output for a terminal: lines, carriage returns and (by leave) SGR colours pass.

    Everything else that could move the cursor, set the title or write the clipboard is dropped.
    """
    kept: list[str] = []
    start = 0
    for match in _COLOURS.finditer(text):
        kept.append(_scrub(text[start : match.start()]))
        if colours:
            kept.append(match[0])
        start = match.end()
    kept.append(_scrub(text[start:]))
    return "".join(kept)


def _scrub(text: str) -> str:
    parts = _SEQUENCES.sub("", text).split("\r")
    return "\r".join(_CONTROLS.sub("", part) for part in parts)


def wants_colour(stream: TextIO) -> bool:
    """Colours only on a terminal, and never against NO_COLOR (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def styled(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """``text`` in these styles (bold, dim, red, green, yellow, cyan) where the stream wants colours."""
    if not styles or not wants_colour(stream or sys.stdout):
        return text
    return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"


def interactive() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()
