"""TensorBoard event files: the scalars of one run, which may lie in several files and in a folder a side.

The records' frame is read here, so that records that cannot be scalars (images, histograms, graphs) are
passed over unread; what is inside is decoded by the tensorboard package's own protocol buffers.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from guardrun.errors import UserError
from guardrun.reading.foreign.flavours import Flavour
from guardrun.reading.foreign.model import Facts, ForeignRow
from guardrun.reading.foreign.naming import side_of
from guardrun.reading.foreign.opening import ForeignFile
from guardrun.reading.foreign.table import Table
from guardrun.reading.foreign.values import LARGEST

RECORD_HEADER: Final = struct.Struct("<QI")
RECORD_FOOTER: Final = 4
_MARK: Final = b"brain.Event:"
"""What the first record of every event file says."""
LARGEST_SCALAR: Final = 64 * 1024
"""Bytes of a record that may hold scalars; a larger one holds something else."""
_BLOCK: Final = 1024 * 1024
_MOST_TAGS: Final = 1000
_FLOAT, _DOUBLE = 1, 2
_CONTENT: Final = {_FLOAT: struct.Struct("<f"), _DOUBLE: struct.Struct("<d")}
Scalars = tuple[float, int, dict[str, float]]
"""Wall time, step, values by tag."""


def is_event_file(head: bytes) -> bool:
    """Whether a file that begins so is one of TensorBoard's."""
    if len(head) < RECORD_HEADER.size:
        return False
    length, _ = RECORD_HEADER.unpack_from(head)
    return 0 < length < len(head) and _MARK in head[RECORD_HEADER.size : RECORD_HEADER.size + length]


@dataclass(frozen=True)
class EventFiles:
    """The event files of one run. Raises UserError at the first walk when tensorboard is not installed."""

    files: tuple[tuple[ForeignFile, str], ...]
    """Each with its side (``train``, ``val``, ``test``), or "" where tags say it themselves."""
    facts: Facts
    mapping: Mapping[str, str] | None
    columns: set[str]

    def __call__(self) -> Iterator[ForeignRow]:
        """Rows of all files in the order of their times."""
        kind = event_type()
        table = table_of(self.facts, self.mapping)
        merged = heapq.merge(
            *(self._of_file(file, side, kind) for file, side in self.files), key=lambda found: found[0]
        )
        for found in merged:
            self.columns.update(found[2])
            yield from rows_of(found, table)

    def _of_file(self, file: ForeignFile, side: str, kind: Any) -> Iterator[Scalars]:
        return together(_records(file, self.facts), side, kind)


class _Tags(Flavour):
    """Tags are columns; Lightning logs the number of the epoch as one."""

    def name_of(self, raw: str) -> str:
        return "lr" if raw.startswith("lr-") and "/" not in raw and "momentum" not in raw else ""


def table_of(facts: Facts, mapping: Mapping[str, str] | None = None) -> Table:
    """What gives tags their names."""
    return Table(_Tags(facts), facts, mapping)


def rows_of(found: Scalars, table: Table) -> Iterator[ForeignRow]:
    """The rows in values that belong together."""
    t, step, values = found
    record: dict[str, Any] = {**values, "step": step}
    for row in table.rows(record):
        yield row._replace(t=t if 0 < t < LARGEST else None)


def together(records: Iterable[bytes], side: str, kind: Any) -> Iterator[Scalars]:
    """Values of one step that were written one after the other, together. ``kind`` is ``event_type()``."""
    held: Scalars | None = None
    for t, step, tag, value in _scalars(records, kind):
        name = f"{side}/{tag.removeprefix('epoch_')}" if side else tag
        if held is None or held[1] != step or name in held[2] or len(held[2]) >= _MOST_TAGS:
            if held is not None:
                yield held
            held = (t, step, {})
        held[2][name] = value
    if held is not None:
        yield held


def grouped(paths: Iterable[Path]) -> dict[Path, list[tuple[Path, str]]]:
    """Event files by run: those of one folder, or of its ``train`` and ``validation`` together (Keras)."""
    paths = list(paths)
    sides = {path: side_of(path.parent.name) for path in paths}
    together: dict[Path, set[str]] = {}
    for path, side in sides.items():
        if side:
            together.setdefault(path.parent.parent, set()).add(side)
    found: dict[Path, list[tuple[Path, str]]] = {}
    for path, side in sides.items():
        shared = len(together.get(path.parent.parent, ())) > 1 and bool(side)
        place = path.parent.parent if shared else path.parent
        found.setdefault(place, []).append((path, side if shared else ""))
    return found


def event_type() -> Any:
    """The protocol buffer of one record. Raises UserError when tensorboard is not installed."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
    except ImportError as error:
        raise UserError(
            "TensorBoard's event files need the package tensorboard",
            hint="pip install 'guardrun[tensorboard]'",
        ) from error
    return Event


def _records(file: ForeignFile, facts: Facts) -> Iterator[bytes]:
    """The records that are small enough for scalars, up to the first that is not whole."""
    with file.open() as opened:
        buffer, at, left = b"", 0, file.size
        while True:
            if len(buffer) - at < RECORD_HEADER.size + LARGEST_SCALAR + RECORD_FOOTER and left > 0:
                piece = opened.read(min(_BLOCK, left))
                left = left - len(piece) if piece else 0
                buffer, at = buffer[at:] + piece, 0
            if len(buffer) - at < RECORD_HEADER.size:
                return
            length, _ = RECORD_HEADER.unpack_from(buffer, at)
            end = at + RECORD_HEADER.size + length + RECORD_FOOTER
            if end - at > len(buffer) - at + left:
                _note(facts, f"{file.path.name} is cut off or damaged: what is whole was read")
                return
            if length <= LARGEST_SCALAR:
                yield buffer[at + RECORD_HEADER.size : end - RECORD_FOOTER]
                at = end
            elif end <= len(buffer):
                at = end
            else:
                left -= opened.skip(end - len(buffer))
                buffer, at = b"", 0


def _scalars(records: Iterable[bytes], event_type: Any) -> Iterator[tuple[float, int, str, float]]:
    for record in records:
        try:
            event = event_type.FromString(record)
        except Exception:  # protobuf's DecodeError: the record is damaged, the next one need not be
            continue
        if not event.HasField("summary"):
            continue
        step = event.step if 0 <= event.step <= LARGEST else 0
        for value in event.summary.value:
            number = _number(value)
            if number is not None:
                yield event.wall_time, step, value.tag, number


def _number(value: Any) -> float | None:
    """The scalar of a summary's value, as TensorFlow 1 (and PyTorch) or 2 writes it; None for others."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor" or value.metadata.plugin_data.plugin_name not in ("", "scalars"):
        return None
    tensor = value.tensor
    for numbers in (tensor.float_val, tensor.double_val):
        if len(numbers) == 1:
            return float(numbers[0])
    content = _CONTENT.get(tensor.dtype)
    if content is not None and len(tensor.tensor_content) == content.size:
        return float(content.unpack(tensor.tensor_content)[0])
    return None


def _note(facts: Facts, text: str) -> None:
    if text not in facts.notes:
        facts.notes.append(text)
