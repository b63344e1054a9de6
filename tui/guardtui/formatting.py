"""Numbers, durations and sizes as short words."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

_DASH: Final = "–"
_NUMBER: Final = 7
"""Cells of a number, so that columns of numbers stay narrow."""
_DAY: Final = 86400
_YEAR: Final = 365 * _DAY
_UNITS: Final = (
    (60, 1, "s"), (3600, 60, "m"), (_DAY, 3600, "h"), (100 * _DAY, _DAY, "d"), (_YEAR, 7 * _DAY, "w"),
)  # fmt: skip


def number(value: float | None) -> str:
    """A metric in at most seven characters: four significant digits.

    >>> [number(v) for v in (0.34118, 12.3456, 1234.5, 0.00031, 1.5e9, float("nan"), float("-inf"), None, 0)]
    ['0.3412', '12.35', '1234', '3.1e-4', '1.5e9', 'NaN', '-inf', '–', '0']
    """
    if value is None:
        return _DASH
    if not math.isfinite(value):
        return "NaN" if value != value else ("inf" if value > 0 else "-inf")
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-3 or size >= 999_999.5:
        return next(text for text in map(partial(_scientific, value), (2, 1, 0)) if len(text) <= _NUMBER)
    if size >= 1000:
        return f"{value:.0f}"
    return f"{value:.4f}" if size < 1 else f"{value:.4g}"


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def count(value: int | None) -> str:
    """A count with thousands separated: ``1,240``."""
    return _DASH if value is None else f"{value:,}"


def duration(seconds: float | None) -> str:
    """Two units at most, whole and short.

    >>> [duration(s) for s in (0.4, 9, 75, 3725, 200000, None)]
    ['0s', '9s', '1m 15s', '1h 02m', '2d 7h', '–']
    """
    if seconds is None or not math.isfinite(seconds):
        return _DASH
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def brief(seconds: float | None) -> str:
    """One unit in at most three characters: ``9s``, ``12m``, ``3h``, ``2d``, ``20w``, ``1y`` to ``99y``."""
    if seconds is None or not math.isfinite(seconds):
        return _DASH
    whole = max(0, int(seconds))
    for limit, unit, letter in _UNITS:
        if whole < limit:
            return f"{whole // unit}{letter}"
    return f"{min(99, whole // _YEAR)}y"


def age(seconds: float | None) -> str:
    """How long ago, in steps so coarse that an idle screen stays idle.

    >>> [age(s) for s in (3, 14, 59, 61, 4000, 90000, None)]
    ['now', '10s', '50s', '1m', '1h', '1d', '–']
    """
    if seconds is None:
        return _DASH
    if seconds < 10:
        return "now"
    if seconds < 60:
        return f"{int(seconds) // 10 * 10}s"
    return brief(seconds)


def ago(seconds: float | None) -> str:
    """``age`` in a sentence: ``just now``, ``3m ago``."""
    word = age(seconds)
    return "just now" if word == "now" else word if word == _DASH else f"{word} ago"


def percent(fraction: float | None) -> str:
    """``62%``; never 100% before the end."""
    if fraction is None:
        return ""
    return "100%" if fraction >= 1 else f"{min(99, int(fraction * 100))}%"


def size(count_of_bytes: float | None) -> str:
    """``3.2 GB`` (powers of 1000).

    >>> [size(b) for b in (0, 999, 1_500, 3_210_000_000, None)]
    ['0 B', '999 B', '1.5 kB', '3.2 GB', '–']
    """
    if count_of_bytes is None:
        return _DASH
    value = float(count_of_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def rate(per_second: float | None) -> str:
    """Steps a second, or seconds a step when that is the readable number."""
    if per_second is None or not math.isfinite(per_second) or per_second <= 0:
        return ""
    if per_second >= 1:
        return f"{per_second:.1f} steps/s" if per_second < 100 else f"{per_second:,.0f} steps/s"
    return f"{1 / per_second:.1f} s/step"
