"""What every text dialect offers, and the pieces that their lines are made of."""

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
WHOLE: Final = r"\d{1,15}"
"""A step or an epoch."""
_STAMP: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[,.](\d{1,6}))?")
_STAMP_WITHIN: Final = 80
"""Characters from the line's start in which a date may stand."""


class Dialect:
    """Lines of one tool."""

    name = ""
    needles: tuple[str, ...] = ()
    """Every line of it has one of these: most other lines are told by them alone."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def is_sure(self, line: str) -> bool:
        """Whether only this tool prints such a line, of which there are rows: then the log is one of its."""
        return True

    def rows(self, line: str) -> list[ForeignRow] | None:
        """The rows on this line, maybe none; None when the line is not the tool's."""
        raise NotImplementedError


def number(text: str) -> float:
    """The number that NUMBER matched."""
    value = as_value(text)
    return value if value is not None else float("nan")


def evaluated(step: int, epoch: int | None, t: float | None, values: dict[str, float]) -> list[ForeignRow]:
    """One row of an evaluation."""
    return [ForeignRow("eval", step, epoch, t, values)]


def stamp_of(line: str) -> float | None:
    """Unix seconds of the date and time at the line's beginning, taken as UTC: logs do not say their zone."""
    found = _STAMP.search(line, 0, _STAMP_WITHIN)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60):
        return None
    fraction = float(f"0.{found[7]}") if found[7] else 0.0
    try:
        return calendar.timegm(time.struct_time((year, month, day, hour, minute, second, 0, 0, 0))) + fraction
    except (ValueError, OverflowError):
        return None
