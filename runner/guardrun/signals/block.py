"""Many points of one kind as columns, so that rules may pass over what is without interest at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardrun.reading.layout import is_absent
from guardrun.signals.model import Kind, Point
from guardrun.signals.rates import learning_rate

FloatArray = NDArray[np.float64]
_PIECE: Final = 128
"""Points unpacked at once."""


class Block:
    """Consecutive points of one kind and rank, as columns; ABSENT where a point lacks the key."""

    __slots__ = ("_pieces", "_rate", "_series", "columns", "epoch", "kind", "order", "step", "t")

    def __init__(
        self,
        kind: Kind,
        order: NDArray[np.int64],
        step: FloatArray,
        epoch: FloatArray,
        t: FloatArray,
        columns: Mapping[str, FloatArray],
    ) -> None:
        self.kind = kind
        self.order = order
        """Place of every point among the points of all kinds; ascending."""
        self.step = step
        """Whole numbers >= 0."""
        self.epoch = epoch
        """NaN where it is not known."""
        self.t = t
        self.columns = columns
        self._pieces: dict[int, list[Point]] = {}
        self._series: dict[str, FloatArray] = {}
        self._rate: tuple[float | None] | None = None

    def __len__(self) -> int:
        return len(self.order)

    def part(self, start: int, end: int) -> Block:
        """The points from ``start`` to before ``end``."""
        columns = {name: column[start:end] for name, column in self.columns.items()}
        part = Block(
            self.kind, self.order[start:end], self.step[start:end], self.epoch[start:end],
            self.t[start:end], columns,
        )  # fmt: skip
        return part

    def values(self, name: str) -> FloatArray:
        """The values of a key, of those points that have it."""
        found = self._series.get(name)
        if found is None:
            column = self.columns.get(name)
            found = np.empty(0) if column is None else column
            if np.isnan(found).any():
                found = found[~is_absent(found)]
            self._series[name] = found
        return found

    def steps_of(self, name: str) -> FloatArray:
        """The steps of those points that have the key."""
        column = self.columns.get(name)
        if column is None:
            return np.empty(0)
        return self.step if len(self.values(name)) == len(column) else self.step[~is_absent(column)]

    def last_rate(self) -> float | None:
        """The last learning rate of the block, as ``rules.points.learning_rate`` tells it."""
        if self._rate is None:
            rates = self.values("lr")
            groups = [name for name in self.columns if name.startswith("lr/")]
            if groups:
                found = (learning_rate(point.values) for point in reversed(self.points()))
                self._rate = (next(filter(None, found), None),)
            else:
                known = rates[rates != 0]
                self._rate = (float(known[-1]) if len(known) else None,)
        return self._rate[0]

    def placed(self, start: int, end: int) -> Iterator[tuple[float, Point]]:
        """The points from ``start`` to before ``end`` with their places; only what is near is unpacked."""
        for piece in range(start // _PIECE, (end - 1) // _PIECE + 1):
            first = piece * _PIECE
            points = self._pieces.get(piece)
            if points is None:
                points = self._pieces[piece] = self.part(first, first + _PIECE)._unpacked()
            low, high = max(start - first, 0), min(end - first, len(points))
            yield from zip(self.order[first + low : first + high].tolist(), points[low:high], strict=True)

    def points(self) -> Sequence[Point]:
        """The same, point by point."""
        return [point for _, point in self.placed(0, len(self))] if len(self) else []

    def _unpacked(self) -> list[Point]:
        names = list(self.columns)
        if names:
            table = np.stack([self.columns[name] for name in names])
            present = ~is_absent(table)
            rows = table.T.tolist()
            whole = np.all(present, axis=0).tolist()
            masks = present.T.tolist()
        else:
            rows = masks = [[] for _ in range(len(self))]
            whole = [True] * len(self)
        axes = zip(self.step.tolist(), self.epoch.tolist(), self.t.tolist(), strict=True)
        points = []
        for (step, epoch, t), row, complete, mask in zip(axes, rows, whole, masks, strict=True):
            if complete:
                numbers = dict(zip(names, row, strict=True))
            else:
                numbers = {name: value for name, value, there in zip(names, row, mask, strict=True) if there}
            at = int(epoch) if 0 <= epoch < 2**63 else None
            points.append(Point(self.kind, int(step), at, t if t == t else 0.0, numbers))
        return points
