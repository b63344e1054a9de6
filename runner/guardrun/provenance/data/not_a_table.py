"""Why a data set can't be seen as columns."""

from __future__ import annotations

_TOLD = 8


class NotATable(Exception):
    """What this data set holds can't be seen as columns; the message says why."""


class UnequalColumns(NotATable):
    """Arrays of several lengths: which entries belong to one example can't be told."""

    def __init__(self, lengths: dict[str, int]) -> None:
        self.lengths = lengths
        told = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:_TOLD])
        super().__init__(f"its arrays are of several lengths ({told})")
