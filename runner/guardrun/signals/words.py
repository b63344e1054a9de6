"""Sizes and times as a person says them."""

from __future__ import annotations


def seconds_words(seconds: float) -> str:
    """0.31 s, 45 s, 12 min, 3.5 h, 2.1 d."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def bytes_words(count: float) -> str:
    """512 MiB, 74.5 GiB; powers of 1024."""
    for unit, size in (("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20)):
        if abs(count) >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1024:.3g} KiB"
