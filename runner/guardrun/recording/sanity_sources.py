"""Data sets of every kind behind one face: count them, read a label, make another of chosen rows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from guardrun.provenance.data.table import LABEL_NAMES
from guardrun.provenance.data.values import as_array, frame_kind, is_tensor_dataset, length_of

_STREAM_LEAST = 256
"""Fewer whole numbers in a row are labels rather than a text."""


class NotUnderstood(Exception):
    """A data set that can't be changed; the message says why."""


class Source(Protocol):
    """A data set that can be made anew of some of its rows."""

    original: Any
    count: int
    labelled: bool
    stream: bool
    """One long row of tokens rather than examples."""

    def label(self, row: int) -> Any:
        """The label of that example."""

    def build(self, inputs: Sequence[int], labels: Sequence[int]) -> Any:
        """A data set of the same kind: the inputs of these rows with the labels of those."""

    def counts(self) -> dict[Any, int]:
        """How often each token of a stream is there."""

    def arrays(self, rows: Sequence[int]) -> tuple[list[Any], Any]:
        """The input columns of these rows as arrays, and their labels (None without)."""


def source_of(obj: Any, labels: Any = None) -> Source:
    """The face of a data set. Raises NotUnderstood."""
    if isinstance(obj, str | os.PathLike):
        raise NotUnderstood("it is a path, and what the script reads from it does not pass through guard")
    if labels is not None and not isinstance(labels, str):
        raise NotUnderstood("its labels are kept apart from it: hand over both as run.data(name, (x, y))")
    count = length_of(obj)
    if count is None:
        raise NotUnderstood("it has no length, so that no examples can be chosen")
    if frame_kind(obj):
        return FrameSource(obj, labels)
    if is_tensor_dataset(obj):
        return ColumnSource(obj, list(enumerate(obj.tensors)), _last(obj.tensors))
    if isinstance(obj, dict):
        return _of_columns(obj, list(obj.items()), labels)
    if isinstance(obj, tuple) and obj and all(_rows(one) is not None for one in obj):
        return _of_columns(obj, list(enumerate(obj)), None if len(obj) < 2 else len(obj) - 1)
    array = as_array(obj)
    if array is not None:
        return _of_array(obj, array)
    if hasattr(obj, "__getitem__"):
        return ItemSource(obj, labels)
    raise NotUnderstood(f"a {type(obj).__name__} can't be read by position")


def _of_columns(obj: Any, columns: list[tuple[Any, Any]], label: Any) -> Source:
    lengths = {_rows(values) for _, values in columns}
    if len(lengths) != 1 or None in lengths:
        raise NotUnderstood("its parts are not columns of one length")
    if label is None and isinstance(obj, dict):
        label = next((key for key in obj if str(key).lower() in LABEL_NAMES), None)
    return ColumnSource(obj, columns, label)


def _of_array(obj: Any, array: Any) -> Source:
    if array.ndim == 1 and array.dtype.kind in "iu" and len(array) >= _STREAM_LEAST:
        return StreamSource(obj, array)
    if array.ndim == 0:
        raise NotUnderstood("it is a single number")
    return ColumnSource(obj, [(None, obj)], None)


def _last(columns: Sequence[Any]) -> int | None:
    return len(columns) - 1 if len(columns) > 1 else None


def _rows(values: Any) -> int | None:
    if isinstance(values, list):
        return len(values)
    array = as_array(values)
    return len(array) if array is not None and array.ndim else None


def taken(values: Any, rows: Sequence[int]) -> Any:
    """These rows of a column, as the kind of column that it is."""
    if isinstance(values, list):
        return [values[row] for row in rows]
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        return values[torch.as_tensor(list(rows), device=values.device)]
    import numpy as np

    return values[np.asarray(rows, dtype=np.int64)]


class ColumnSource:
    """A TensorDataset, a tuple or dictionary of columns, or one array of examples."""

    stream = False

    def __init__(self, obj: Any, columns: list[tuple[Any, Any]], label: Any) -> None:
        self.original = obj
        self._columns = columns
        self._label = label
        self.labelled = label is not None
        self.count = _rows(columns[0][1]) or 0

    def label(self, row: int) -> Any:
        return next(values for key, values in self._columns if key == self._label)[row]

    def build(self, inputs: Sequence[int], labels: Sequence[int]) -> Any:
        made = {key: taken(values, labels if key == self._label else inputs) for key, values in self._columns}
        if isinstance(self.original, dict):
            return type(self.original)(made)
        if isinstance(self.original, tuple):
            return tuple(made.values())
        if is_tensor_dataset(self.original):
            return type(self.original)(*made.values())
        return made[None]

    def counts(self) -> dict[Any, int]:
        return {}

    def arrays(self, rows: Sequence[int]) -> tuple[list[Any], Any]:
        columns = {key: taken(values, rows) for key, values in self._columns}
        labels = columns.pop(self._label) if self.labelled else None
        return list(columns.values()), labels


class StreamSource:
    """One long row of tokens: an array or a tensor of whole numbers."""

    stream = True
    labelled = True

    def __init__(self, obj: Any, array: Any) -> None:
        self.original = obj
        self._array = array
        self.count = len(array)

    def label(self, row: int) -> Any:
        return self._array[row]

    def build(self, inputs: Sequence[int], labels: Sequence[int]) -> Any:
        return taken(self.original, inputs)

    def counts(self) -> dict[Any, int]:
        import numpy as np

        values, numbers = np.unique(self._array, return_counts=True)
        return dict(zip(values.tolist(), numbers.tolist(), strict=True))

    def arrays(self, rows: Sequence[int]) -> tuple[list[Any], Any]:
        return [], self._array


class FrameSource:
    """A table of pandas, polars or Hugging Face datasets."""

    stream = False

    def __init__(self, obj: Any, label: str | None) -> None:
        self.original = obj
        self._kind = frame_kind(obj)
        names = obj.column_names if self._kind == "datasets" else list(obj.columns)
        self._label = label or next((name for name in names if str(name).lower() in LABEL_NAMES), None)
        self.labelled = self._label in names
        self.count = len(obj)
        self._labels: Any = None

    def label(self, row: int) -> Any:
        if self._labels is None:
            self._labels = list(self.original[self._label])
        return self._labels[row]

    def build(self, inputs: Sequence[int], labels: Sequence[int]) -> Any:
        rows, theirs = list(inputs), [self.label(row) for row in labels] if self.labelled else []
        if self._kind == "pandas":
            made = self.original.iloc[rows].reset_index(drop=True)
            return made.assign(**{str(self._label): theirs}) if self.labelled else made
        if self._kind == "polars":
            made = self.original[rows]
            if not self.labelled:
                return made
            column = self.original[self._label]
            return made.with_columns(type(column)(self._label, theirs, dtype=column.dtype))
        made = self.original.select(rows)
        if not self.labelled or rows == list(labels):
            return made
        feature = made.features[self._label]
        return (
            made.remove_columns(self._label).add_column(self._label, theirs).cast_column(self._label, feature)
        )

    def counts(self) -> dict[Any, int]:
        return {}

    def arrays(self, rows: Sequence[int]) -> tuple[list[Any], Any]:
        from guardrun.provenance.data.frames import frame_columns

        columns = frame_columns(self.original, list(rows))
        labels = columns.pop(str(self._label), None)
        return list(columns.values()), labels


class ItemSource:
    """Any data set with a length and items: (inputs…, label), or a dictionary with a label."""

    stream = False

    def __init__(self, obj: Any, label: str | None) -> None:
        self.original = obj
        self.count = len(obj)
        first = obj[0] if self.count else None
        self._key: Any = None
        if isinstance(first, tuple | list) and len(first) > 1:
            self._key = len(first) - 1
        elif isinstance(first, dict):
            self._key = label or next((key for key in first if str(key).lower() in LABEL_NAMES), None)
        self.labelled = self._key is not None
        targets = getattr(obj, "targets", None)
        self._targets = targets if _rows(targets) == self.count else None

    def label(self, row: int) -> Any:
        return self.original[row][self._key] if self._targets is None else self._targets[row]

    def build(self, inputs: Sequence[int], labels: Sequence[int]) -> Any:
        return View(self.original, list(inputs), list(labels), self._key)

    def counts(self) -> dict[Any, int]:
        return dict(Counter())

    def arrays(self, rows: Sequence[int]) -> tuple[list[Any], Any]:
        items = [self.original[row] for row in rows]
        if not self.labelled:
            return [items], None
        keys = items[0].keys() if isinstance(items[0], dict) else range(len(items[0]))
        return [[item[key] for item in items] for key in keys if key != self._key], [
            item[self._key] for item in items
        ]


class View:
    """Some items of a data set, each with the label of another; everything else is the data set's own."""

    def __init__(self, base: Any, inputs: list[int], labels: list[int], key: Any) -> None:
        self.base = base
        self.inputs = inputs
        self.labels_from = labels
        self.key = key

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Any:
        at = self.inputs[index]
        item, other = self.base[at], self.labels_from[index]
        if other == at or self.key is None:
            return item
        label = self.base[other][self.key]
        if isinstance(item, dict):
            return {**item, self.key: label}
        return type(item)([*item[: self.key], label, *item[self.key + 1 :]])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "base":
            raise AttributeError(name)
        return getattr(self.base, name)
