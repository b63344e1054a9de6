"""The columns of one kind of event: the struct that lines are decoded into, and the arrays that it fills."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardrun.events.schema import Event

FloatArray = NDArray[np.float64]

_ABSENT_BITS: Final = 0x7FF8_0000_0000_07A2
ABSENT: Final[float] = struct.unpack("<d", struct.pack("<Q", _ABSENT_BITS))[0]
"""A NaN with a payload of its own (as R's NA): "this row lacks the key", where a logged NaN is a NaN."""

MAX_KEYS: Final = 4096
"""Different keys of one kind that become columns; more are a log gone wrong, and are left out."""
_MISFITS_BORNE: Final = 32
"""So often may a key of numbers hold something else before all its values are read one by one."""
_ENVELOPE: Final = ("t", "seq", "step", "epoch")
_UNPACK_ROWS: Final = 2048
"""Records moved into columns at once: few calls, and still in the processor's cache."""
_LONGEST_HEAD: Final = 5
"""Bytes of the header of a MessagePack array, at most."""
_FEWEST_ROWS: Final = 16
_MANY_KEYS: Final = 512
"""Of so many keys those that no row of a piece has take no room: one line may have named them all."""
_MOST_CELLS: Final = 4_000_000
"""Numbers for which room is made at once: 32 MB."""
_BYTES_A_ROW: Final = 64
"""A guess at the shortest usual line; rows that do not fit go into another piece."""


def is_absent(values: FloatArray) -> NDArray[np.bool_]:
    """Where a row lacks the key; False for every logged value, NaN included."""
    bits: NDArray[np.int64] = np.ascontiguousarray(values).view(np.int64)
    absent: NDArray[np.bool_] = bits == _ABSENT_BITS
    return absent


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of one kind, column by column; all arrays have the same length."""

    kind: str
    """metrics, eval or system."""
    order: NDArray[np.int64]
    """Place of each row among all rows of its file, from 0: kinds and events interleave by it."""
    attempt: NDArray[np.int32]
    columns: dict[str, FloatArray]
    """``t``, ``step``, ``epoch`` and the metrics; ABSENT where a row lacks the key."""


class Layout:
    """Keys of one kind of event, and the struct type that a block of lines is decoded into.

    As long as all fields are floats, the structs re-encoded as MessagePack are records of one fixed size:
    numpy reads every column from one buffer without touching a Python float.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.struct: type[msgspec.Struct] | None = None
        self.keys: dict[str, bool] = {}
        """Key -> loose: holds values that are no numbers, and is read value by value."""
        self.unfit: dict[str, None] = {}
        """Keys that no struct can have (quotes, control characters): lines with them are read alone."""
        self.generation = 0
        """Grows when columns are added."""
        self.record: np.dtype[Any] | None = None
        """Where each double lies in a record; None when a key is loose."""
        self.encoder = msgspec.msgpack.Encoder()
        self._misfits: dict[str, int] = {}
        self.fields: dict[str, str] = {}
        """Key -> attribute of the struct."""

    def learn(self, event: Event) -> bool:
        """Note new keys, and keys that hold more than numbers; True when the struct must be built anew."""
        changed = not self.keys
        if not self.keys:
            self.keys = dict.fromkeys(_ENVELOPE, False)
        for key, value in event.items():
            loose = self.keys.get(key)
            if loose is None:
                changed |= self._learn_key(key, value)
            elif not loose and type(value) is not float and number(value) is None:
                self._misfits[key] = self._misfits.get(key, 0) + 1
                if self._misfits[key] > _MISFITS_BORNE:
                    self.keys[key] = changed = True
        return changed

    def _learn_key(self, key: str, value: Any) -> bool:
        if key == "kind" or key in self.unfit or len(self.keys) + len(self.unfit) >= MAX_KEYS:
            return False
        self.generation += 1
        if _fits(key):
            self.keys[key] = number(value) is None
            return True
        self.unfit[key] = None
        return False

    def build(self) -> type[msgspec.Struct]:
        """Make the struct type for the keys known now."""
        self.generation += 1
        self.fields = {key: f"f{i}" for i, key in enumerate(self.keys)}
        self.struct = msgspec.defstruct(
            f"Row_{self.kind}",
            [(name, Any if self.keys[key] else float, ABSENT) for key, name in self.fields.items()],
            rename={name: key for key, name in self.fields.items()},
            tag_field="kind",
            tag=self.kind,
            # Beyond the limit unknown keys are passed over, or every line would have to be read alone.
            forbid_unknown_fields=len(self.keys) + len(self.unfit) < MAX_KEYS,
            gc=False,
        )
        self.record = None if any(self.keys.values()) else self._fixed_record(self.struct)
        return self.struct

    def _fixed_record(self, struct_type: type[msgspec.Struct]) -> np.dtype[Any]:
        sample = self.encoder.encode(struct_type())
        mark = b"\xcb" + struct.pack(">Q", _ABSENT_BITS)
        offsets, at = [], 0
        for _ in self.fields:
            at = sample.index(mark, at) + 1
            offsets.append(at)
            at += 8
        return np.dtype(
            {
                "names": list(self.fields.values()),
                "formats": [">f8"] * len(offsets),
                "offsets": offsets,
                "itemsize": len(sample),
            }
        )


class RowBuilder:
    """Rows of one layout, filled in file order."""

    def __init__(self, layout: Layout, bytes_left: int) -> None:
        self.generation = layout.generation
        self._layout = layout
        self._names = [*(key for key in layout.keys if key != "seq"), *layout.unfit]
        self._fields = [(place, layout.fields.get(name)) for place, name in enumerate(self._names)]
        self._record = layout.record
        # A few lines that name thousands of keys must not make room for thousands of rows of them all.
        most = _MOST_CELLS // max(1, len(self._names))
        self._room = max(_FEWEST_ROWS, min(most, bytes_left // _BYTES_A_ROW))
        self._used = 0
        self._values = np.empty((len(self._names), self._room))
        self._order = np.empty(self._room, np.int64)
        self._attempt = np.empty(self._room, np.int32)
        self._overflow: list[Rows] = []
        self._packed = bytearray(_LONGEST_HEAD)
        self._packed_to = _LONGEST_HEAD
        self._unpacked_from = 0
        """Rows from here on are packed records that are not in the columns yet."""

    @property
    def full(self) -> bool:
        return self._used >= self._room

    def add_structs(self, structs: list[Any], order: NDArray[np.int64], attempt: int) -> None:
        """Take decoded structs of this layout; ``order`` has a place for each."""
        count = len(structs)
        start, end = self._reserve(count)
        self._order[start:end] = order
        self._attempt[start:end] = attempt
        if self._record is not None:
            self._pack(structs)
            if end - self._unpacked_from >= _UNPACK_ROWS:
                self._unpack_to(end)
            return
        self._values[:, start:end] = np.array(
            [
                [
                    ABSENT if field is None else _number_or_absent(getattr(row, field))
                    for _, field in self._fields
                ]
                for row in structs
            ]
        ).T
        self._unpacked_from = end

    def _pack(self, structs: list[Any]) -> None:
        """Append the structs' records to the packed ones: an array's header is written over the record
        before it, which is then put back, so that the records lie side by side."""
        head = 1 if len(structs) < 16 else 3 if len(structs) < 65536 else 5
        before = self._packed[self._packed_to - head : self._packed_to]
        self._layout.encoder.encode_into(structs, self._packed, self._packed_to - head)
        self._packed[self._packed_to - head : self._packed_to] = before
        self._packed_to = len(self._packed)

    def _unpack_to(self, end: int) -> None:
        """Move packed records into the columns up to row ``end``, many at once."""
        start, record = self._unpacked_from, self._record
        if start == end or record is None:
            return
        records = np.frombuffer(self._packed, record, end - start, _LONGEST_HEAD)
        for place, field in self._fields:
            self._values[place, start:end] = ABSENT if field is None else records[field]
        self._unpacked_from, self._packed_to = end, _LONGEST_HEAD

    def add_event(self, event: Event, order: int, attempt: int) -> None:
        """Take one event that was read alone."""
        start, end = self._reserve(1)
        self._unpack_to(start)
        self._order[start], self._attempt[start] = order, attempt
        self._values[:, start] = [_number_or_absent(event.get(name)) for name in self._names]
        self._unpacked_from = end

    def rows(self) -> list[Rows]:
        """Everything taken, in pieces."""
        if self._used:
            used = self._used
            self._unpack_to(used)
            columns = {name: self._values[place, :used] for place, name in enumerate(self._names)}
            if len(columns) > _MANY_KEYS:
                columns = {name: column.copy() for name, column in columns.items() if _says_something(column)}
            rows = Rows(self._layout.kind, self._order[:used], self._attempt[:used], columns)
            self._overflow.append(rows)
        return self._overflow

    def _reserve(self, count: int) -> tuple[int, int]:
        if self._used + count > self._room:
            self.rows()
            self._room = max(self._room, count)
            self._values = np.empty((len(self._names), self._room))
            self._order = np.empty(self._room, np.int64)
            self._attempt = np.empty(self._room, np.int32)
            self._used = self._unpacked_from = 0
        start, self._used = self._used, self._used + count
        return start, self._used


def _says_something(column: NDArray[np.float64]) -> bool:
    return bool((column.view(np.uint64) != _ABSENT_BITS).any())


def number(value: Any) -> float | None:
    """The number that a value stands for, exactly as the fast path reads it; None for anything else."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return None
    if type(value) is str:
        try:
            return msgspec.convert(value, float, strict=False)
        except msgspec.ValidationError:
            return None
    return None


def _number_or_absent(value: Any) -> float:
    found = number(value)
    return ABSENT if found is None else found


def _fits(key: str) -> bool:
    """Whether msgspec can have a field of that name."""
    return not any(char in '"\\' or char < " " for char in key)
