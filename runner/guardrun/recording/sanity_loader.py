"""Whether a training's batches come from what ``run.data`` returned or, past it, from what it was handed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_DEEPEST: Final = 4
_MOST: Final = 200
_PARTS: Final = 16


def passes_by(loader: Any, handed: Any, returned: Any) -> bool:
    """Whether the loader holds the data set that was handed over, or a part of it, and nothing of the one
    that was returned. What a script makes of either by copying can't be told, and is not held against it.
    """
    theirs, ours = set(map(id, _parts(handed))), set(map(id, _parts(returned)))
    held = {id(each) for each in _within(loader)}
    return bool(held & (theirs - ours)) and not held & ours


def _parts(data: Any) -> list[Any]:
    """The data set and its columns, where it is made of some."""
    if isinstance(data, dict):
        columns = list(data.values())
    elif isinstance(data, tuple):
        columns = list(data)
    else:
        columns = list(getattr(data, "tensors", ()) or ())
    return [data, *(one for one in columns[:_PARTS] if not isinstance(one, str | bytes | int | float | None))]


def _within(loader: Any) -> Iterator[Any]:
    """The loader, its data set, and what these hold, as far as it is near."""
    level, seen = [loader], set[int]()
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for each in level:
            if id(each) in seen or len(seen) > _MOST:
                continue
            seen.add(id(each))
            yield each
            below += _held(each)
        level = below
    yield from level[:_MOST]


def _held(each: Any) -> list[Any]:
    if isinstance(each, tuple | list):
        return list(each[:_PARTS])
    if isinstance(each, dict):
        return list(each.values())[:_PARTS]
    return list(getattr(each, "__dict__", {}).values())[:_MOST]
