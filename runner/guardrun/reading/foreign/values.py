"""Numbers and cells as foreign logs spell them. Pure; nothing raises."""

from __future__ import annotations

import csv
import json
import math
import re
from typing import Any, Final

import orjson

from guardrun.reading.foreign.model import RawRecord

MOST_VALUES: Final = 1000
"""Columns of a row that are read; more are no training log."""
LARGEST: Final = 2**53
_DEEPEST: Final = 2
_WORD: Final = re.compile(r"([+-]?)1\.#(INF|IND|QNAN|NAN)\d*", re.IGNORECASE)
"""How the C library of Windows wrote infinities and NaN."""


def as_value(value: Any) -> float | None:
    """The number that a raw value stands for (``nan`` and ``inf`` in any spelling included), or None."""
    kind = type(value)
    if kind is float:
        return float(value)
    try:
        if kind is int or (kind is str and value and "_" not in value):
            return float(value)
    except (ValueError, OverflowError):
        pass
    return _windows_word(value) if kind is str and "#" in value else None


def _windows_word(text: str) -> float | None:
    found = _WORD.fullmatch(text.strip())
    if found is None:
        return None
    return math.nan if found[2].upper() != "INF" else -math.inf if found[1] == "-" else math.inf


def whole(value: float | None, *, floor: bool = False) -> int | None:
    """A non-negative whole number, or None; with ``floor`` what is behind the point is cut."""
    if value is None or not math.isfinite(value) or not 0 <= value <= LARGEST:
        return None
    return int(value) if floor or value.is_integer() else None


def split_cells(line: str, delimiter: str) -> list[str]:
    """The cells of one CSV line, stripped; an unreadable line has none."""
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        rows = list(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return []
    return [cell.strip() for cell in rows[0]] if rows else []


def flattened(found: dict[str, Any]) -> RawRecord:
    """Objects inside the object become keys with ``/``, two levels deep; at most MOST_VALUES keys."""
    if len(found) <= MOST_VALUES and dict not in map(type, found.values()):
        return found
    flat: RawRecord = {}
    _flatten(found, "", _DEEPEST, flat)
    return flat


def _flatten(found: dict[str, Any], prefix: str, depth: int, into: RawRecord) -> None:
    for key, value in found.items():
        if len(into) >= MOST_VALUES:
            return
        if isinstance(value, dict) and depth > 1:
            _flatten(value, f"{prefix}{key}/", depth - 1, into)
        else:
            into[prefix + key] = value


def json_of(text: str) -> Any:
    """The JSON value of this text, Python's NaN and Infinity included; None when there is none."""
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _int(digits: str) -> int | float:
    """Python refuses to read very long numbers; a float is good enough for them."""
    return int(digits) if len(digits) < 20 else math.inf if len(digits) > 310 else float(digits)


_DECODER: Final = json.JSONDecoder(parse_int=_int)
"""Reads what the fast one refuses: Python's own NaN and Infinity, very long numbers, lone surrogates."""
