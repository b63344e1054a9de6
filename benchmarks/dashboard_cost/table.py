"""Rows of the dashboard's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured cost; its aim is to be at most ``aim``."""

    what: str
    measured: float
    aim: float
    unit: str
    note: str = ""
    leet: float | None = None
    """The same of W&B LEET on the same data, where it was measured."""

    @property
    def held(self) -> bool:
        """Whether the aim is met."""
        return self.measured <= self.aim


def table(rows: Sequence[Row]) -> str:
    """what | measured | LEET | aim | verdict | note."""
    cells = [("what", "measured", "LEET", "aim", "", "")]
    for row in rows:
        times = f" ({row.leet / row.measured:.1f}x)" if row.leet is not None and row.measured > 0 else ""
        leet = "" if row.leet is None else _number(row.leet) + times
        measured, aim = f"{_number(row.measured)} {row.unit}", f"{_number(row.aim)} {row.unit}"
        cells.append((row.what, measured, leet, aim, "ok" if row.held else "MISSED", row.note))
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    return "\n".join(
        f"{line[0]:{widths[0]}} | {line[1]:>{widths[1]}} | {line[2]:>{widths[2]}} | "
        f"{line[3]:>{widths[3]}} | {line[4]:{widths[4]}} | {line[5]}".rstrip(" |")
        for line in cells
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
