"""Values of events as the types they should have, or nothing: a log may hold anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from guardrun.events.decode import as_number

_LARGEST: Final = 2**53


def whole(value: Any) -> int | None:
    """A non-negative whole number that a float can hold too, or None."""
    if type(value) is int and 0 <= value <= _LARGEST:
        return value
    if type(value) is float and 0 <= value <= _LARGEST and value.is_integer():
        return int(value)
    return None


def real(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        found = as_number(value)
    except OverflowError:
        return None
    return found if found is not None and math.isfinite(found) else None


def words(value: Any) -> str:
    """A text, or ""."""
    return value if type(value) is str else ""


def table(value: Any) -> Mapping[str, Any]:
    """A mapping, or an empty one."""
    return value if isinstance(value, dict) else {}
