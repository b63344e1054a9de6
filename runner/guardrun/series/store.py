"""Every curve of a run as growing numpy columns.

Rows arrive per rank in the order of the file, grouped by kind (metrics, eval, system); a kind's rows share
``step``, ``t``, ``epoch`` and ``attempt``, so a million steps of eight scalars cost some 100 MB and a curve
is a view, not a copy. A logged NaN is kept as a NaN; a key that a row lacks is not a point.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from guardrun.reading.columns import ABSENT, Batch, Rows, is_absent
from guardrun.reading.layout import MAX_KEYS

FloatArray = NDArray[np.float64]
_Number = TypeVar("_Number", np.float64, np.int64, np.int32)

SYSTEM: Final = -1
"""The ``rank`` under which GPU, CPU, memory and disk samples are kept."""
_FIRST_ROWS: Final = 256
_AXES: Final = ("t", "step", "epoch")
_MOST_CELLS: Final = 64 * 1024 * 1024
"""Numbers of one kind and rank that are held: 512 MB. Beyond, curves are left out, details first."""
_FEWEST_CURVES: Final = 64
"""So many are kept, however long they are."""
_OVERVIEW: Final = ("train/", "val/", "test/")


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One curve: arrays of equal length, in the order in which the points were logged. Read-only views."""

    name: str
    step: FloatArray
    """Optimizer steps completed. System samples carry the newest step of rank 0 at their time."""
    t: FloatArray
    """Unix seconds of the writer's clock."""
    epoch: FloatArray
    """NaN where it was not given."""
    value: FloatArray
    """May hold NaN and infinities: they were logged."""
    attempt: NDArray[np.int32]
    """Launch to which the point belongs: after a resume, repeated steps carry the next number."""

    def __len__(self) -> int:
        return len(self.value)


class SeriesStore:
    """Growing columns per rank. Views handed out stay valid and unchanged while the store grows."""

    def __init__(self) -> None:
        self._tables: dict[int, dict[str, _Table]] = {}
        self._merged: dict[tuple[int, str], tuple[int, Series]] = {}
        self.version = 0
        """Grows whenever a row arrives or a rank is dropped."""

    def add(self, rank: int, batch: Batch, *, expected: int = 0) -> None:
        """Append a batch of ``rank`` (``SYSTEM`` for system samples), in file order.

        ``expected`` rows in the end, where that is known, save the growing by steps.
        """
        if not batch.count:
            return
        tables = self._tables.setdefault(rank, {})
        for rows in batch.rows:
            tables.setdefault(rows.kind, _Table()).append(rows, expected)
        self.version += 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the logs is no curve here, in words."""
        tables = [table for kinds in self._tables.values() for table in kinds.values()]
        lost = sum(len(table.left_out) for table in tables)
        notes = []
        if lost:
            notes.append(f"{lost:,} curves are left out: all of them would take more than 512 MB of memory")
        if any(table.full for table in tables):
            notes.append(f"a log has {MAX_KEYS:,} different keys: any beyond them have no curve")
        return tuple(notes)

    def drop(self, rank: int) -> None:
        """Forget a rank, whose file starts again."""
        if self._tables.pop(rank, None) is not None:
            self.version += 1
        for key in [key for key in self._merged if key[0] == rank]:
            del self._merged[key]

    def ranks(self) -> list[int]:
        """Training ranks that have points, ascending."""
        return sorted(rank for rank in self._tables if rank >= 0)

    def names(self, rank: int = 0) -> list[str]:
        """Curves of a rank, in the order of their first appearance."""
        found: dict[str, None] = {}
        for table in self._tables.get(rank, {}).values():
            found.update(dict.fromkeys(table.names()))
        return list(found)

    def get(self, name: str, rank: int = 0) -> Series:
        """The curve of that name; empty when there is none."""
        tables = [t for t in self._tables.get(rank, {}).values() if t.has(name)]
        series = tables[0].get(name) if len(tables) == 1 else self._merge(name, rank, tables)
        return self._with_steps(series) if rank == SYSTEM else series

    def rows(self, rank: int = 0) -> int:
        """How many rows of all kinds a rank has."""
        return sum(table.size for table in self._tables.get(rank, {}).values())

    def tables(self, rank: int = 0) -> dict[str, _Table]:
        """The rows themselves, by kind, for whoever walks them in order (the judge)."""
        return self._tables.get(rank, {})

    def _merge(self, name: str, rank: int, tables: list[_Table]) -> Series:
        """One curve of several kinds (a loss that is in metrics and in eval events), in file order."""
        size = sum(table.size for table in tables)
        kept = self._merged.get((rank, name))
        if kept is not None and kept[0] == size:
            return kept[1]
        if not tables:
            nothing = np.empty(0)
            return Series(name, nothing, nothing, nothing, nothing, np.empty(0, np.int32))
        parts = [table.get(name) for table in tables]
        index = np.argsort(np.concatenate([table.order_of(name) for table in tables]), kind="stable")
        series = Series(
            name,
            _view(np.concatenate([part.step for part in parts])[index]),
            _view(np.concatenate([part.t for part in parts])[index]),
            _view(np.concatenate([part.epoch for part in parts])[index]),
            _view(np.concatenate([part.value for part in parts])[index]),
            _view(np.concatenate([part.attempt for part in parts])[index]),
        )
        self._merged[rank, name] = (size, series)
        return series

    def _with_steps(self, series: Series) -> Series:
        """System samples know no step: give them the newest step of rank 0 at their time."""
        table = self._tables.get(0, {}).get("metrics")
        if table is None or not len(series) or not np.isnan(series.step).all():
            return series
        t, step = table.axis("t"), table.axis("step")
        at = np.searchsorted(t, series.t, side="right") - 1
        steps = np.where(at >= 0, step[np.maximum(at, 0)], 0.0)
        return replace(series, step=_view(steps))


class _Table:
    """Rows of one kind of one rank: columns of equal length that grow by doubling."""

    def __init__(self) -> None:
        self.size = 0
        self.left_out: dict[str, None] = {}
        """Columns that there was no room for."""
        self._order: NDArray[np.int64] = np.empty(0, np.int64)
        self._attempt: NDArray[np.int32] = np.empty(0, np.int32)
        self._columns: dict[str, FloatArray] = {name: np.empty(0) for name in _AXES}
        self._absent: dict[str, int] = {}
        self._where: dict[str, tuple[int, NDArray[np.int64]]] = {}
        self._views: dict[str, tuple[int, Series]] = {}

    def append(self, rows: Rows, expected: int = 0) -> None:
        """Take rows; the first ones are adopted as they are (a cache's mapped file is not copied)."""
        count = len(rows.order)
        if self.size == 0:
            self._adopt(rows)
        else:
            self._extend(rows, count, expected if expected > self.size + count else 2 * self.size)
        self.size += count

    def _adopt(self, rows: Rows) -> None:
        missing = np.full(len(rows.order), ABSENT)
        self._order, self._attempt = _own(rows.order), _own(rows.attempt)
        self._columns = {name: _own(rows.columns.get(name, missing)) for name in _AXES}
        for name, column in rows.columns.items():
            if name not in _AXES:
                self._columns[name] = _own(column)
            self._absent[name] = int(np.count_nonzero(is_absent(column)))

    def _extend(self, rows: Rows, count: int, room: int) -> None:
        start, end = self.size, self.size + count
        self._make_room(end)
        self._order = _room(self._order, start, end, room)
        self._order[start:end] = rows.order
        self._attempt = _room(self._attempt, start, end, room)
        self._attempt[start:end] = rows.attempt
        for name in rows.columns:
            if name not in self._columns and name not in self.left_out:
                self._columns[name] = np.full(start, ABSENT)
                self._absent[name] = start
        for name, held in self._columns.items():
            column = self._columns[name] = _room(held, start, end, room)
            fresh = rows.columns.get(name)
            if fresh is None:
                column[start:end] = ABSENT
                self._absent[name] = self._absent.get(name, 0) + count
            else:
                column[start:end] = fresh
                self._absent[name] = self._absent.get(name, 0) + int(np.count_nonzero(is_absent(fresh)))

    def _make_room(self, rows: int) -> None:
        """Let go of columns where that many rows of all would be too much; a fifth more, so as not to be
        here again at once."""
        if rows * len(self._columns) <= _MOST_CELLS:
            return
        names = [name for name in self._columns if name not in _AXES]
        # What a run is judged and shown by has names that are common to all; a layer's own has more parts.
        names.sort(key=lambda name: "/" in name and not name.startswith(_OVERVIEW))
        for name in names[max(_FEWEST_CURVES, int(0.8 * _MOST_CELLS / rows)) :]:
            self.left_out[name] = None
            del self._columns[name]
            self._absent.pop(name, None)
            for kept in (self._where, self._views):
                kept.pop(name, None)

    @property
    def full(self) -> bool:
        """Whether the log has as many keys as become columns."""
        return len(self._columns) + len(self.left_out) >= MAX_KEYS - 1  # ``seq`` is no column

    def names(self) -> Iterable[str]:
        return [n for n in self._columns if n not in _AXES and self._absent[n] < self.size]

    def has(self, name: str) -> bool:
        return name not in _AXES and self._absent.get(name, self.size) < self.size

    def axis(self, name: str) -> FloatArray:
        """``t``, ``step`` or ``epoch`` of every row."""
        return self._columns[name][: self.size]

    def order(self) -> NDArray[np.int64]:
        """Place of every row among all rows of its file."""
        return self._order[: self.size]

    def attempts(self) -> NDArray[np.int32]:
        return self._attempt[: self.size]

    def column(self, name: str) -> FloatArray:
        """A column with a place for every row; ABSENT where a row lacks the key."""
        return self._columns[name][: self.size]

    def order_of(self, name: str) -> NDArray[np.int64]:
        order = self.order()
        return order if not self._absent[name] else order[self._index(name)]

    def get(self, name: str) -> Series:
        """The curve of one column: views where every row has it, a selection where some lack it."""
        kept = self._views.get(name)
        if kept is not None and kept[0] == self.size:
            return kept[1]
        chosen = self._index(name) if self._absent[name] else slice(None)
        series = Series(
            name,
            _view(self.axis("step")[chosen]),
            _view(self.axis("t")[chosen]),
            _view(self.axis("epoch")[chosen]),
            _view(self.column(name)[chosen]),
            _view(self.attempts()[chosen]),
        )
        self._views[name] = (self.size, series)
        return series

    def _index(self, name: str) -> NDArray[np.int64]:
        """Rows that have the key; only rows that came since the last call are looked at."""
        seen, index = self._where.get(name, (0, np.empty(0, np.int64)))
        if seen < self.size:
            fresh = np.flatnonzero(~is_absent(self._columns[name][seen : self.size])) + seen
            index = np.concatenate((index, fresh)) if len(fresh) else index
            self._where[name] = (self.size, index)
        return index


def _own(column: NDArray[_Number]) -> NDArray[_Number]:
    """The column itself; a copy where it would hold on to a decoder's much larger room for rows."""
    mapped = isinstance(column, np.memmap)
    spacious = isinstance(column.base, np.ndarray) and column.base.nbytes > 2 * column.nbytes
    return column.copy() if spacious and not mapped else column


def _room(held: NDArray[_Number], used: int, needed: int, room: int) -> NDArray[_Number]:
    """The column itself, or a copy with more room; never a column that somebody else may own."""
    if needed <= len(held) and held.flags.writeable and held.base is None:
        return held
    grown = np.empty(max(_FIRST_ROWS, needed, room), held.dtype)
    grown[:used] = held[:used]
    return grown


def _view(array: NDArray[_Number]) -> NDArray[_Number]:
    view = array.view()
    view.flags.writeable = False
    return view
