"""Garbage collection that nobody feels."""

from __future__ import annotations

import gc
from functools import cache


@cache
def settle() -> None:
    """What is there by now is never looked through again, once for all: it is modules and what they made, and
    to look through it takes 50 to 100 ms, in the middle of a key press."""
    gc.freeze()
