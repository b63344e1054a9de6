"""A drawn chart: characters and what they mean, row by row; and what the next drawing remembers of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from guardtui.chart.known import Known
from guardtui.chart.scale import Limits

if TYPE_CHECKING:
    from guardtui.chart.laid import Laid

ROLES: Final = (
    "train", "val", "test", "metric", "lr", "grad", "system",
    "aux1", "aux2", "aux3", "aux4", "aux5", "aux6",
    "run1", "run2", "run3", "run4", "run5", "run6", "run7", "run8", "run9", "run10",
)  # fmt: skip
_FIXED: Final = (
    "blank", "title", "axis", "label", "text", "note", "alarm", "cursor", "empty",
    "best", "last", "signal", "warning", "notice", "stop", "resume",
)  # fmt: skip
STYLES: Final = (*_FIXED, *ROLES, *(f"{role}:dim" for role in ROLES))
"""What a cell can mean; a theme gives each a colour. ``role:dim`` is the envelope of a band."""
STYLE_INDEX: Final = {name: index for index, name in enumerate(STYLES)}


def role_style(role: str, *, dim: bool = False) -> int:
    """The style of a curve's role; a role that the palette doesn't know gets one of the aux colours."""
    name = role if role in ROLES else f"aux{zlib.crc32(role.encode()) % 6 + 1}"
    return STYLE_INDEX[f"{name}:dim" if dim else name]


@dataclass(frozen=True, slots=True)
class PlotArea:
    """Where in the frame the curves are, in cells, and the steps they span."""

    left: int
    top: int
    width: int
    height: int
    x: Limits

    def x_at(self, column: int) -> float | None:
        """The x in the middle of a cell column of the frame; None outside the plot area."""
        if self.width < 1 or not self.left <= column < self.left + self.width:
            return None
        return self.x.value((column - self.left + 0.5) / self.width)

    def column_of(self, x: float) -> int | None:
        """The cell column of the frame in which ``x`` lies; None outside."""
        position = float(self.x.position(np.array([x]))[0])
        if not 0.0 <= position <= 1.0 or self.width < 1:
            return None
        return self.left + min(int(position * self.width), self.width - 1)


@dataclass(frozen=True, slots=True)
class Memory:
    """What keeps a live picture still: limits, gutter and bands of the drawing before."""

    x: Limits | None = None
    y: Limits | None = None
    gutter: int = 0
    bands: frozenset[str] = field(default_factory=frozenset)
    known: Mapping[str, Known] = field(default_factory=dict)
    """By the place of the curve among all."""
    laid: Laid | None = field(default=None, compare=False)
    """Their drawing."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """All three are height by width."""

    chars: NDArray[np.str_]
    styles: NDArray[np.uint8]
    """Indices into STYLES."""
    grounds: NDArray[np.uint8]
    """The style of the band that lies under a cell's line; 0 where there is none."""
    area: PlotArea | None
    memory: Memory
    clipped: int = 0
    """Finite points in view that lie outside the y axis on purpose."""

    def row_text(self, row: int) -> str:
        """One row's characters."""
        return "".join(self.chars[row].tolist())

    def text(self) -> str:
        """All rows, without trailing blanks."""
        return "\n".join(self.row_text(row).rstrip() for row in range(self.chars.shape[0]))

    def runs(self, row: int) -> list[tuple[str, str, str]]:
        """One row as stretches of text, style and ground (``role:ground``, or "").

        Blanks join the stretch before them, which saves bytes."""
        text = self.row_text(row)
        shown = (self.chars[row] != " ") | (self.grounds[row] > 0)
        places = np.flatnonzero(shown)
        if places.size == 0:
            return [(text, STYLES[0], "")] if text else []
        looks = self.styles[row].astype(np.intp) * len(STYLES) + self.grounds[row]
        # A blank after a ground must not continue it.
        ends = np.flatnonzero(~shown[1:] & (self.grounds[row][:-1] > 0)) + 1
        looks[ends] = 0
        places = np.union1d(places, ends)
        seen = looks[places]
        first = np.flatnonzero(seen[1:] != seen[:-1]) + 1
        starts = [0, *places[first].tolist(), looks.size]
        kinds = [divmod(int(look), len(STYLES)) for look in (seen[0], *seen[first])]
        if kinds[0][1] and places[0] > 0:
            starts, kinds = [0, int(places[0]), *starts[1:]], [(0, 0), *kinds]
        return [
            (text[a:b], STYLES[style], STYLES[ground].replace(":dim", ":ground") if ground else "")
            for a, b, (style, ground) in zip(starts[:-1], starts[1:], kinds, strict=True)
        ]


def changed_spans(before: Frame | None, after: Frame) -> list[tuple[int, int, int]]:
    """(row, first column, column after the last) of what differs; every row when the sizes do."""
    height, width = after.chars.shape
    if before is None or before.chars.shape != after.chars.shape:
        return [(row, 0, width) for row in range(height)]
    filled = (before.chars != " ") | (after.chars != " ")
    differs = (before.chars != after.chars) | (before.grounds != after.grounds)
    differs |= (before.styles != after.styles) & filled
    spans = []
    for row in np.flatnonzero(differs.any(axis=1)).tolist():
        columns = np.flatnonzero(differs[row])
        spans.append((row, int(columns[0]), int(columns[-1]) + 1))
    return spans
