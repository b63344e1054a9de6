"""An amount of money in words, the same on every page."""

from __future__ import annotations

import math
from typing import Final

_LEAST: Final = 0.0001


def amount_words(amount: float) -> str:
    """Two decimals; of a small amount two digits, so that no cost looks like none.

    >>> [amount_words(a) for a in (12.345, 0.5, 0.0158, 0.00041, 0.00002, 0.0, float("nan"))]
    ['12.35', '0.50', '0.016', '0.0004', 'below 0.0001', '0.00', '?']
    """
    if not math.isfinite(amount):
        return "?"
    size = abs(amount)
    if size == 0 or size >= 0.095:
        return f"{amount:,.2f}"
    if size < _LEAST:
        return f"below {_LEAST}"
    return f"{amount:.{3 if size >= 0.0095 else 4}f}"


def money_words(amount: float, currency: str) -> str:
    """``0.0004 USD``."""
    return f"{amount_words(amount)} {currency}".rstrip()
