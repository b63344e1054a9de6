"""Tables of pandas, polars and Hugging Face datasets as columns of NumPy arrays or lists."""

from __future__ import annotations

from typing import Any

from guardrun.provenance.data.values import frame_kind


def frame_columns(obj: Any, rows: list[int] | None = None) -> dict[str, Any]:
    """Name -> a NumPy array of numbers, or a list of Python values in which None is missing.

    ``rows`` chooses rows by position. Images and sounds of a Hugging Face data set stay encoded.
    """
    return _READERS[frame_kind(obj)](obj, rows)


def frame_types(obj: Any) -> list[tuple[str, str]]:
    """Names and types of the columns, in order."""
    if frame_kind(obj) == "pandas":
        return [(str(name), str(kind)) for name, kind in zip(obj.columns, obj.dtypes, strict=True)]
    if frame_kind(obj) == "polars":
        return [(name, str(kind)) for name, kind in obj.schema.items()]
    return [(field.name, str(field.type)) for field in obj.features.arrow_schema]


_NUMBERS = ("int", "uint", "float", "double", "bool", "halffloat")


def text_columns(obj: Any) -> int:
    """How many columns hold Python values rather than numbers: those cost most to look at."""
    return sum(not kind.lower().startswith(_NUMBERS) for _, kind in frame_types(obj))


def bytes_of_row(obj: Any) -> int:
    """Bytes of a row on average, as the library counts them; at least 1."""
    kind, count = frame_kind(obj), max(1, len(obj))
    if kind == "pandas":
        total = int(obj.memory_usage(index=False).sum())
    elif kind == "polars":
        total = int(obj.estimated_size())
    else:
        total, count = int(obj.data.nbytes), max(1, int(obj.data.num_rows))
    return max(1, total // count)


def _pandas(obj: Any, rows: list[int] | None) -> dict[str, Any]:
    import numpy as np

    chosen = obj if rows is None else obj.iloc[rows]
    found: dict[str, Any] = {}
    for position, name in enumerate(chosen.columns):
        column = chosen.iloc[:, position]
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufcmM":
            values: Any = column.to_numpy()
        elif column.dtype.kind in "biuf" and not column.isna().any():
            values = column.to_numpy(dtype=column.dtype.numpy_dtype)
        else:
            values = column.astype(object).where(column.notna(), None).tolist()
        found[_free_name(str(name), found)] = values
    return found


def _polars(obj: Any, rows: list[int] | None) -> dict[str, Any]:
    chosen = obj if rows is None else obj[rows]
    found: dict[str, Any] = {}
    for name in chosen.columns:
        column = chosen[name]
        plain = column.dtype.is_numeric() and not column.dtype.is_decimal() and column.null_count() == 0
        found[name] = column.to_numpy() if plain else column.to_list()
    return found


def _datasets(obj: Any, rows: list[int] | None) -> dict[str, Any]:
    plain = obj.with_format("arrow")
    return arrow_columns(plain[:] if rows is None else plain.select(rows)[:])


def arrow_columns(table: Any) -> dict[str, Any]:
    """The columns of a pyarrow table."""
    import pyarrow as pa

    found: dict[str, Any] = {}
    for name in table.column_names:
        column = table.column(name)
        kind = column.type
        plain = (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and column.null_count == 0
        found[name] = column.to_numpy() if plain else column.to_pylist()
    return found


def _free_name(name: str, taken: dict[str, Any]) -> str:
    """Pandas allows a name twice; a record needs each column once."""
    if name not in taken:
        return name
    number = 2
    while f"{name}#{number}" in taken:
        number += 1
    return f"{name}#{number}"


_READERS = {"pandas": _pandas, "polars": _polars, "datasets": _datasets}
