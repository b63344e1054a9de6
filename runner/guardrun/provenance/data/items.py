"""A data set that is read item by item: a sample of its examples as columns, within a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from guardrun.provenance.data.hashing import Around, Unknown, items_are_random, spaced_rows
from guardrun.provenance.data.not_a_table import NotATable
from guardrun.provenance.data.values import as_numbers, is_stream, length_of

ROWS = 1_000_000
"""More rows of a table are looked at by evenly spaced ones."""
_LEAST_READ = 8
"""Where the time does not suffice for so many items, there are no statistics."""


@dataclass(frozen=True, slots=True)
class Items:
    """What was read: columns of the chosen rows (None: all), and what there is to say of it."""

    columns: dict[str, Any]
    count: int
    rows: list[int] | None
    random: bool
    """Whether they can't be compared: the same index gives other values, or what they are can't be seen."""
    notes: list[str]


def read_items(obj: Any, seconds: float, around: Around) -> Items:
    """As many evenly spaced items as fit into ``seconds``. Raises NotATable, and whatever they raise."""
    count = length_of(obj)
    if is_stream(obj):
        raise NotATable("it can only be iterated, so that its examples can't be chosen")
    if count is None or not hasattr(obj, "__getitem__"):
        raise NotATable("it has no length, so that its examples can't be chosen")
    if count == 0:
        return Items({}, 0, None, False, [])
    notes: list[str] = []
    with around(obj):
        deadline = time.monotonic() + seconds
        each = _seconds_of_one(obj)
        if each > seconds / _LEAST_READ:
            raise NotATable(f"one item takes {each:.2g} s to read")
        try:
            random = items_are_random(obj, 0, around)
        except Unknown as reason:
            random = True
            notes.append(f"its examples are not compared: {reason}")
        rows = _affordable(obj, count, seconds / 2)
        items = []
        for row in rows:
            items.append(obj[row])
            if time.monotonic() > deadline:
                break
    if len(items) < len(rows):
        notes.append(f"reading was stopped after {seconds:g} s: the examples are the first of the sample")
    seen = None if len(items) == count else rows[: len(items)]
    return Items(_stacked(items), count, seen, random, notes)


def _seconds_of_one(obj: Any) -> float:
    begun = time.monotonic()
    obj[0]
    return time.monotonic() - begun


def _affordable(obj: Any, count: int, seconds: float) -> list[int]:
    """Evenly spaced positions, as many as can be read in the time that a first few suggest."""
    begun, tried = time.monotonic(), 0
    for row in spaced_rows(count, 8):
        obj[row]
        tried += 1
        if time.monotonic() - begun > seconds / 4:
            break
    each = (time.monotonic() - begun) / max(1, tried)
    most = max(2, int(seconds / max(each, 1e-7)))
    return spaced_rows(count, min(most, ROWS))


def _stacked(items: list[Any]) -> dict[str, Any]:
    """Items as columns: by position in tuples, by key in dictionaries, one column otherwise."""
    first = items[0]
    if isinstance(first, dict):
        return {str(key): _joined([item.get(key) for item in items]) for key in first}
    if isinstance(first, tuple | list) and first:
        width = min(len(item) for item in items)
        return {str(i): _joined([item[i] for item in items]) for i in range(width)}
    return {"0": _joined(items)}


def _joined(values: list[Any]) -> Any:
    """One column: an array when all entries are numbers of one shape, else the list of entries."""
    import numpy as np

    arrays = [as_numbers(value) for value in values]
    if all(array is not None for array in arrays):
        if len({array.shape for array in arrays}) == 1:
            return np.stack(arrays)
        return arrays
    if all(type(value) in (int, bool) and abs(value) < 2**62 for value in values):
        return np.array(values)
    if all(type(value) in (int, float, bool) for value in values):
        return np.array(values, dtype=np.float64)
    return values
