"""A line of bytes as an event, or nothing when it is not one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guardrun.events.schema import Event

_WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def decode(line: bytes) -> Event | None:
    """The event on this line; None when the line is torn, is not JSON, or has no kind."""
    import orjson

    try:
        event = orjson.loads(line)
    except ValueError:
        return None
    if type(event) is not dict or type(event.get("kind")) is not str:
        return None
    return event


def as_number(value: Any) -> float | None:
    """The number an event's value stands for (the words for NaN and infinity included), or None."""
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is str:
        return _WORDS.get(value)
    return None
