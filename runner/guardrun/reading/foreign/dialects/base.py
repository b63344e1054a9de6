"""What every text dialect offers."""

from __future__ import annotations

import calendar
import re
import time
from typing import Final

from guardrun.reading.foreign.model import Facts, ForeignRow
from guardrun.reading.foreign.values import as_value

NUMBER: Final = (
    r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[nN]a[nN]|[iI]nf(?:inity)?|NAN|INF)"
)
"""A number as programs print it, NaN and infinities included."""
_STAMP: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[,.](\d{1,6}))?")


class Dialect:
    """Lines of one tool."""

    name = ""
    needle = ""
    """A piece of text that every line of it has: most other lines are told by it alone."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def knows(self, line: str) -> bool:
        """Whether only this tool prints such a line."""
        raise NotImplementedError

    def rows(self, line: str) -> list[ForeignRow] | None:
        """The rows on this line, maybe none; None when the line is not the tool's."""
        raise NotImplementedError


def number(text: str) -> float:
    """The number that NUMBER matched."""
    value = as_value(text)
    return value if value is not None else float("nan")


def stamp_of(line: str) -> float | None:
    """Unix seconds of the first date and time in the line's beginning, taken as UTC: logs say no zone."""
    found = _STAMP.search(line, 0, 80)
    if found is None:
        return None
    parts = time.struct_time((*map(int, found.groups()[:6]), 0, 0, 0))
    if not (1 <= parts.tm_mon <= 12 and 1 <= parts.tm_mday <= 31):
        return None
    fraction = float(f"0.{found[7]}") if found[7] else 0.0
    try:
        return calendar.timegm(parts) + fraction
    except (ValueError, OverflowError):
        return None
