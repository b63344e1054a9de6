"""Any data set as columns: what statistics, duplicates and leaks are looked for in."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guardrun.provenance.data.frames import bytes_of_row, frame_columns, text_columns
from guardrun.provenance.data.hashing import Around, spaced_rows
from guardrun.provenance.data.items import ROWS, read_items
from guardrun.provenance.data.not_a_table import NotATable, UnequalColumns
from guardrun.provenance.data.values import (
    as_numbers,
    frame_kind,
    is_subset,
    is_tensor_dataset,
    length_of,
)

LABEL_NAMES = frozenset(
    ("label", "labels", "target", "targets", "y", "class", "classes", "category", "species")
)
ELEMENTS = 32_000_000
"""More numbers of an array as well: about half a second of statistics."""
TEXT_CELLS = 1_000_000
"""Cells that hold Python values: about a second of statistics."""
FRAME_BYTES = 512 * 1024 * 1024
MAPPED_ROWS = 4096
"""Of an array that stays on the disk: each row may be a read of its own."""
_DEEPEST = 4
_ID_NAME = re.compile(
    r"(^|[_\W])(id|ids|uuid|guid|index|idx|key|rowid|row|unnamed: 0)($|[_\W])", re.IGNORECASE
)


@dataclass
class Table:
    """Columns of examples: NumPy arrays whose first axis counts them, or lists in which None is missing."""

    columns: dict[str, Any]
    count: int
    """Examples in the data set, of which the columns may hold a sample."""
    label: str | None = None
    """Which column holds the labels."""
    rows: Sequence[int] | None = None
    """Positions of the examples in the columns; None: all of them."""
    all_labels: Any = None
    """The labels of all examples where the columns are a sample."""
    uncounted: bool = False
    """The file is so large that only its beginning was read: ``count`` is of that."""
    random: bool = False
    """The items are random (an augmentation): what they hold is one draw."""
    notes: list[str] = field(default_factory=list)
    files: list[Path] | None = None
    """Of a folder: the file that each example is."""

    @property
    def seen(self) -> int:
        return self.count if self.rows is None else len(self.rows)

    @property
    def complete(self) -> bool:
        return self.rows is None and not self.uncounted

    @property
    def rule(self) -> str:
        """In words, from which examples the statistics are."""
        if self.uncounted:
            return f"the first {self.count} examples: the file is too large to be read to its end"
        return "all examples" if self.complete else f"{self.seen} of {self.count} evenly spaced examples"

    @property
    def labels(self) -> Any:
        """Labels of all examples, as far as they are known; None without any."""
        if self.all_labels is not None:
            return self.all_labels
        return self.columns.get(self.label) if self.label is not None else None

    def features(self) -> dict[str, Any]:
        """The columns that are no label."""
        return {name: values for name, values in self.columns.items() if name != self.label}

    def inputs(self) -> dict[str, Any]:
        """The columns that make an example what it is: no label, and no unique id that only numbers it."""
        features = self.features()
        kept = {name: values for name, values in features.items() if not is_id(name, values)}
        return kept or features


def is_id(name: str, values: Any) -> bool:
    """Whether a column only names its examples: it is called an id, and each value is there once."""
    if _ID_NAME.search(name) is None or getattr(values, "ndim", 1) != 1:
        return False
    try:
        return len(set(values.tolist() if hasattr(values, "tolist") else values)) == len(values)
    except TypeError:
        return False


def table_of(obj: Any, *, labels: Any = None, seconds: float = 2.0, around: Around | None = None) -> Table:
    """The columns of a data set.

    ``labels`` names the column that holds them, or holds them itself; by default they are known by their
    name, or are the last of several arrays. At most ``seconds`` go into reading items one by one. Raises
    NotATable, and whatever the data set raises when it is read.
    """
    from contextlib import nullcontext

    surround = around or nullcontext
    if isinstance(obj, str | os.PathLike):
        if not os.fspath(obj) or not os.path.exists(obj):
            raise NotATable("there is no such file")
        from guardrun.provenance.data.files import read_table

        table = read_table(Path(obj))
    else:
        in_memory = _in_memory(obj)
        table = in_memory if in_memory is not None else _of_items(obj, seconds, surround)
    _find_labels(table, obj, labels)
    return table


# -- what is in memory already


def _in_memory(obj: Any, rows: list[int] | None = None) -> Table | None:
    """The table of arrays, frames, lists and of a Subset of these; None when only its items can tell."""
    if is_subset(obj) and rows is None:
        indices = [int(index) for index in obj.indices]
        return _in_memory(obj.dataset, indices) if len(indices) <= ROWS else None
    count = length_of(obj)
    if frame_kind(obj):
        return _frame(obj, rows)
    if is_tensor_dataset(obj):
        return _arrays({str(i): as_numbers(one) for i, one in enumerate(obj.tensors)}, rows)
    if isinstance(obj, dict):
        return _columns(_flat(obj), rows)
    if isinstance(obj, tuple) and 0 < len(obj) <= 64:
        return _columns({str(i): _column(values) for i, values in enumerate(obj)}, rows)
    if isinstance(obj, list):
        return _list(obj, rows)
    array = as_numbers(obj)
    if array is None or array.ndim == 0 or count is None:
        return None
    if array.dtype.names:
        return _arrays({name: array[name] for name in array.dtype.names}, rows)
    return _arrays({"0": array}, rows)


def _column(values: Any) -> Any:
    """A column of an array or a list; None for what is none."""
    if isinstance(values, list):
        return values
    array = as_numbers(values)
    return array if array is not None and array.ndim > 0 else None


def _flat(columns: dict[Any, Any], above: str = "", depth: int = 0) -> dict[str, Any]:
    """The columns of a dictionary, and of those within it: ``inputs/ids``."""
    found: dict[str, Any] = {}
    for name, values in columns.items():
        if isinstance(values, dict) and values and depth < _DEEPEST:
            found |= _flat(values, f"{above}{name}/", depth + 1)
        else:
            found[f"{above}{name}"] = _column(values)
    return found


def _columns(columns: dict[str, Any], rows: list[int] | None) -> Table | None:
    """Their table; None where they are no columns. Raises UnequalColumns."""
    if _parallel(columns):
        return _arrays(columns, rows)
    if len(columns) > 1 and all(hasattr(values, "dtype") for values in columns.values()):
        raise UnequalColumns({name: len(values) for name, values in columns.items()})
    return None


def _parallel(columns: dict[str, Any]) -> bool:
    """Whether these are columns of one table: each with one entry for every example."""
    if not columns or any(values is None for values in columns.values()):
        return False
    return len({len(values) for values in columns.values()}) == 1


def _list(obj: list[Any], rows: list[int] | None) -> Table | None:
    """A list of texts or numbers is a column; one of equal arrays may be columns; other lists are items."""
    kinds = {type(one) for one in obj[:1000]}
    if obj and kinds <= {str, int, float, bool, type(None), bytes}:
        return _arrays({"0": obj}, rows)
    arrays = {str(i): _column(values) for i, values in enumerate(obj)} if 1 < len(obj) <= 8 else {}
    if list not in kinds and _parallel(arrays) and len(next(iter(arrays.values()))) > len(obj):
        return _arrays(arrays, rows)
    return None


def _arrays(columns: dict[str, Any], rows: list[int] | None) -> Table:
    full = len(next(iter(columns.values()))) if columns else 0
    count = full if rows is None else len(rows)
    width = sum(_width(values) for values in columns.values())
    most = min(ROWS, max(1, ELEMENTS // max(1, width)))
    if any(is_large_map(values) for values in columns.values()):
        most = MAPPED_ROWS
    chosen = spaced_rows(count, most) if count > most else None
    if rows is not None or chosen is not None:
        at = rows if chosen is None else chosen if rows is None else [rows[i] for i in chosen]
        columns = {name: take(values, at or []) for name, values in columns.items()}
    return Table(columns, count, rows=chosen)


def is_large_map(values: Any) -> bool:
    """Whether an array is a map of a file that is too large to be read whole in passing."""
    import numpy as np

    base = values if isinstance(values, np.memmap) else getattr(values, "base", None)
    return isinstance(base, np.memmap) and values.nbytes > FRAME_BYTES


def _width(values: Any) -> int:
    """Numbers of one example in this column."""
    shape = getattr(values, "shape", None)
    found = 1
    for size in shape[1:] if shape else ():
        found *= int(size)
    return found


def take(values: Any, rows: Sequence[int]) -> Any:
    """These positions of a column, as the kind of column that it is."""
    return values[list(rows)] if hasattr(values, "dtype") else [values[row] for row in rows]


def _frame(obj: Any, rows: list[int] | None) -> Table:
    count = len(obj) if rows is None else len(rows)
    most = min(ROWS, TEXT_CELLS // max(1, text_columns(obj)), FRAME_BYTES // bytes_of_row(obj))
    chosen = spaced_rows(count, max(2, most)) if count > most else None
    at = rows if chosen is None else chosen if rows is None else [rows[i] for i in chosen]
    return Table(frame_columns(obj, at), count, rows=chosen)


def _of_items(obj: Any, seconds: float, around: Around) -> Table:
    found = read_items(obj, seconds, around)
    return Table(found.columns, found.count, rows=found.rows, random=found.random, notes=found.notes)


# -- which column holds the labels


def _find_labels(table: Table, obj: Any, labels: Any) -> None:
    if isinstance(labels, str):
        if labels not in table.columns:
            raise NotATable(f"it has no column {labels!r}; it has {', '.join(map(str, table.columns))}")
        table.label = labels
        return
    given = labels if labels is not None else _own_labels(obj)
    if given is not None:
        column = _column(given)
        if column is not None and len(column) == table.count:
            table.all_labels = column
            table.label = table.label or _label_column(table)
            return
    if table.label is None:
        table.label = _label_column(table)


def _own_labels(obj: Any) -> Any:
    """Labels that a data set keeps beside its items, as torchvision's do."""
    if is_subset(obj):
        inner = _column(_own_labels(obj.dataset))
        return None if inner is None else take(inner, [int(index) for index in obj.indices])
    for name in ("targets", "labels"):
        found = getattr(obj, name, None)
        if found is not None and not callable(found) and length_of(found) == length_of(obj):
            return found
    return None


def _label_column(table: Table) -> str | None:
    for name, values in table.columns.items():
        if name.lower() in LABEL_NAMES and (getattr(values, "ndim", 1) == 1 or values.shape[1:] == (1,)):
            return name
    names = list(table.columns)
    if len(names) < 2 or names != [str(i) for i in range(len(names))]:
        return None
    last = table.columns[names[-1]]
    flat = getattr(last, "ndim", 1) == 1 or last.shape[1:] == (1,)
    return names[-1] if flat else None
