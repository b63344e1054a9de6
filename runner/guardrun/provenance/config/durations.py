"""Durations as people write them: 90, "90", "30m", "1d2h30m"."""

from __future__ import annotations

import math
import re
from typing import Any

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_PATTERN = re.compile("".join(rf"(?:{_NUMBER}\s*{unit}\s*)?" for unit in _UNITS))
_PLAIN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")

EXPECTED = 'seconds or a duration like "90s", "30m", "2h", "1d2h30m"'


def parse_duration(value: Any) -> float:
    """Seconds. Units in falling order, each at most once; a bare number is seconds.

    Raises ValueError for anything else, for negative and for non-finite durations.
    """
    if isinstance(value, bool):
        raise ValueError(f"expected {EXPECTED}")
    if isinstance(value, int | float):
        seconds = float(value)
    else:
        seconds = _parse_text(value) if isinstance(value, str) else math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"expected {EXPECTED}")
    return seconds


def _parse_text(text: str) -> float:
    text = text.strip().lower()
    if _PLAIN.fullmatch(text):
        return float(text)
    match = _PATTERN.fullmatch(text)
    if match is None or not text:
        return math.nan
    return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS.values(), strict=True) if part)


def format_duration(seconds: float) -> str:
    """``95400`` -> "1d 2h 30m"; the two or three largest units that matter."""
    if seconds < 60:
        return f"{seconds:.3g}s"
    rest = round(seconds)
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, int(size))
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:3])
