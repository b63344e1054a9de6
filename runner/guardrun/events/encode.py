"""An event as one line of bytes; never raises, whatever the values are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guardrun.events.schema import Event

_INFINITY = math.inf


def encode(event: Event) -> bytes:
    """One JSON object and a newline. Non-finite numbers become "NaN", "Infinity" and "-Infinity".

    A value that JSON does not know (a tensor, a path, an int beyond 64 bits) is written as its ``str``:
    an event is worth more than the purity of one of its values.
    """
    import orjson

    try:
        return orjson.dumps(_finite(event), option=orjson.OPT_APPEND_NEWLINE)
    except (TypeError, ValueError, RecursionError):
        return orjson.dumps(_plain(event, 0), option=orjson.OPT_APPEND_NEWLINE)


def nonfinite_word(value: float) -> str:
    """The string that stands for a NaN or an infinity in the log."""
    if value != value:
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _finite(value: Any) -> Any:
    if type(value) is float:
        if value != value or value in (_INFINITY, -_INFINITY):
            return nonfinite_word(value)
        return value
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def _plain(value: Any, depth: int) -> Any:
    """Only what JSON has, by force: the slow path after orjson refused."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, float):
        return _finite(float(value))
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if depth < 20:
        if isinstance(value, dict):
            return {
                str(k).encode("utf-8", "replace").decode(): _plain(v, depth + 1) for k, v in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [_plain(v, depth + 1) for v in value]
    try:
        number = float(value)
    except Exception:
        pass
    else:
        return _finite(number)
    try:
        return str(value).encode("utf-8", "replace").decode()
    except Exception:
        return f"<{type(value).__name__}>"
