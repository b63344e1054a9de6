"""Exact upper bound of a share, from a count."""

from __future__ import annotations

import math

CONFIDENCE = 0.95


def upper_bound(wrong: int, total: int) -> float:
    """The one-sided 95 % Clopper-Pearson bound: the share p at which ``wrong`` or fewer has probability 5 %.

    1.0 when nothing was tried. By bisection on the binomial distribution (Clopper and Pearson, 1934).
    """
    if total == 0 or wrong >= total:
        return 1.0
    low, high = wrong / total, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(wrong, total, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, total: int, share: float) -> float:
    """Probability of ``wrong`` or fewer out of ``total``."""
    if share <= 0.0:
        return 1.0
    if share >= 1.0:
        return 0.0
    log_ways = math.lgamma(total + 1)
    return math.fsum(
        math.exp(
            log_ways
            - math.lgamma(k + 1)
            - math.lgamma(total - k + 1)
            + k * math.log(share)
            + (total - k) * math.log1p(-share)
        )
        for k in range(wrong + 1)
    )
