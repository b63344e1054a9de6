"""Which rows of a foreign log were told already, so that a log that is written anew repeats nothing. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from guardrun.events.decode import as_number
from guardrun.events.encode import encode
from guardrun.events.schema import ENVELOPE, Event
from guardrun.reading.foreign.model import ForeignRow

_ANY: Final = 0
"""Stands for a row that was passed over and of which nothing else is known."""


class Repeats:
    """Compares a log with what was told of it, row by row from the log's start.

    Some tools write their whole log again with every epoch, or when a new column comes. Up to the first row
    that differs this is the log that is known; from there on it is another one.
    """

    def __init__(self, passed_over: int = 0, told: Iterable[ForeignRow] = ()) -> None:
        self.diverged = False
        """Whether the last new row stands where the log held another one before."""
        self._keys = array("q", [_ANY] * passed_over)
        self._keys.extend(map(_key, told))
        self._at = 0

    @property
    def place(self) -> int:
        """Rows of the log up to here."""
        return self._at

    def from_start(self) -> None:
        """The next row is the log's first again."""
        self._at = 0

    def pass_over(self, row: ForeignRow) -> None:
        """Take a row as told, whatever was told."""
        del self._keys[self._at :]
        self._keys.append(_key(row))
        self._at += 1

    def is_new(self, row: ForeignRow) -> bool:
        """Whether this row was not told yet; it then counts as told."""
        key = _key(row)
        self.diverged = False
        if self._at < len(self._keys):
            if self._keys[self._at] in (key, _ANY):
                self._at += 1
                return False
            self.diverged = True
            del self._keys[self._at :]
        self._keys.append(key)
        self._at += 1
        return True


def row_of(event: Event) -> ForeignRow:
    """The row that a metrics or eval event was made of."""
    step, epoch = event.get("step"), event.get("epoch")
    numbers = {key: as_number(value) for key, value in event.items() if key not in ENVELOPE}
    return ForeignRow(
        event["kind"],
        step if isinstance(step, int) else 0,
        epoch if isinstance(epoch, int) else None,
        None,
        {key: value for key, value in numbers.items() if value is not None},
    )


def _key(row: ForeignRow) -> int:
    """64 bits that tell rows apart, NaN included; the order of the columns does not count."""
    return hash(encode({"row": [row.kind, row.step, row.epoch, sorted(row.values.items())]})) or 1
