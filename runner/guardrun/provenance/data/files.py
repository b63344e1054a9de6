"""Files and folders as tables: NumPy arrays, CSV, JSON lines, Parquet, text, and folders of classes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from guardrun.provenance.data.hashing import spaced_rows
from guardrun.provenance.data.items import ROWS
from guardrun.provenance.data.not_a_table import NotATable
from guardrun.provenance.data.table import ELEMENTS, MAPPED_ROWS, Table, is_large_map

TEXT_ROWS = 200_000
"""Lines of a text table that are read: a second or two; the rest is counted."""
TEXT_BYTES = 256 * 1024 * 1024
FOLDER_FILES = 1_000_000
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none"))
_LINES = frozenset((".csv", ".tsv", ".jsonl", ".ndjson", ".txt"))
_LONGEST_LINE = 16 * 1024 * 1024


def read_table(path: Path) -> Table:
    """The table in a file or below a folder. Raises NotATable for a format that is not known, OSError."""
    if path.is_dir():
        return _folder(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(sorted(_READERS))
        raise NotATable(
            f"guard reads no columns of a {path.suffix or 'file without suffix'} (it reads {known})"
        )
    try:
        table = reader(path)
        table.uncounted = path.suffix.lower() in _LINES and path.stat().st_size > TEXT_BYTES
        return table
    except (ValueError, EOFError, csv.Error, RecursionError) as error:
        raise NotATable(f"{path.name} can't be read: {error}") from error


# -- NumPy


def _npy(path: Path) -> Table:
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return _from_arrays({"0": array})


def _npz(path: Path) -> Table:
    import numpy as np

    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if len({len(array) for array in arrays.values() if array.ndim}) != 1:
        raise NotATable("its arrays are of several lengths: they are no columns of one table")
    return _from_arrays({name: array for name, array in arrays.items() if array.ndim})


def _from_arrays(arrays: dict[str, Any]) -> Table:
    import numpy as np

    if any(array.ndim == 0 for array in arrays.values()):
        raise NotATable("it holds one number")
    count = len(next(iter(arrays.values())))
    width = sum(int(np.prod(array.shape[1:])) for array in arrays.values())
    most = min(ROWS, max(1, ELEMENTS // max(1, width)))
    if any(is_large_map(array) for array in arrays.values()):
        most = MAPPED_ROWS
    rows = spaced_rows(count, most) if count > most else None
    columns = {name: np.asarray(array if rows is None else array[rows]) for name, array in arrays.items()}
    return Table(columns, count, rows=rows)


# -- text


def _lines(path: Path) -> Iterator[str]:
    """Whole lines; one that has no end in sight is cut."""
    with path.open("rb") as opened:
        text = io.TextIOWrapper(opened, encoding="utf-8-sig", errors="replace", newline="")
        while line := text.readline(_LONGEST_LINE):
            yield line


def _first(path: Path, rows: Iterable[Any]) -> tuple[list[Any], int]:
    """Rows of a text file up to the limit, and how many there are in all (or were read of a large file)."""
    walk = iter(rows)
    kept = list(islice(walk, TEXT_ROWS))
    if path.stat().st_size > TEXT_BYTES:
        return kept, len(kept)
    return kept, len(kept) + sum(1 for _ in walk)


def _columns(names: list[str], rows: list[Any], count: int) -> Table:
    columns = {
        name: _typed([row[i] if i < len(row) else None for row in rows]) for i, name in enumerate(names)
    }
    return Table(columns, count, rows=None if count == len(rows) else range(len(rows)))


def _typed(values: list[Any]) -> Any:
    """Cells as numbers where all that are there are numbers; None and NaN where one is missing."""
    import numpy as np

    present = [
        v for v in values if not (isinstance(v, str) and v.strip().lower() in _MISSING) and v is not None
    ]
    if not present:
        return [None] * len(values)
    if not all(isinstance(v, str | int | float | bool) for v in present):
        return values
    try:
        numbers = np.array(present, dtype=np.float64)
    except ValueError:
        return [None if v is None or (isinstance(v, str) and not v.strip()) else v for v in values]
    if len(present) == len(values):
        whole = np.isfinite(numbers).all() and (np.abs(numbers) < 2**53).all() and (numbers % 1 == 0).all()
        return (
            numbers.astype(np.int64) if whole and not any("." in str(v) for v in present[:100]) else numbers
        )
    filled = np.full(len(values), np.nan)
    where = [
        i for i, v in enumerate(values)
        if v is not None and not (isinstance(v, str) and v.strip().lower() in _MISSING)
    ]  # fmt: skip
    filled[where] = numbers
    return filled


def _delimited(path: Path) -> Table:
    csv.field_size_limit(_LONGEST_LINE)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = (row for row in csv.reader(_lines(path), delimiter=delimiter) if row)
    kept, count = _first(path, rows)
    if not kept:
        return Table({}, 0)
    header = kept[0]
    if any(_is_number(cell) for cell in header) or len(set(header)) != len(header):
        return _columns([str(i) for i in range(len(header))], kept, count)
    return _columns([name.strip() or str(i) for i, name in enumerate(header)], kept[1:], count - 1)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _json_lines(path: Path) -> Table:
    kept, count = _first(path, (json.loads(line) for line in _lines(path) if line.strip()))
    return _records(kept, count)


def _json(path: Path) -> Table:
    if path.stat().st_size > TEXT_BYTES:
        raise NotATable(f"it is a JSON document of more than {TEXT_BYTES >> 20} MiB")
    found = json.loads(path.read_text("utf-8"))
    if isinstance(found, dict) and found and all(isinstance(one, list) for one in found.values()):
        if len({len(one) for one in found.values()}) == 1:
            columns = {name: _typed(values) for name, values in found.items()}
            return Table(columns, len(next(iter(found.values()))))
        raise NotATable("its lists are of several lengths: they are no columns of one table")
    if isinstance(found, list):
        return _records(found, len(found))
    raise NotATable("it is neither a list of examples nor lists of equal length")


def _records(records: list[Any], count: int) -> Table:
    rows = None if count == len(records) else range(len(records))
    if records and all(isinstance(one, dict) for one in records):
        names = list(dict.fromkeys(name for one in records for name in one))
        return Table({name: _typed([one.get(name) for one in records]) for name in names}, count, rows=rows)
    return Table({"0": _typed(records)} if records else {}, count, rows=rows)


def _text(path: Path) -> Table:
    kept, count = _first(path, (line.rstrip("\r\n") for line in _lines(path)))
    return Table({"text": kept} if kept else {}, count, rows=None if count == len(kept) else range(len(kept)))


def _parquet(path: Path) -> Table:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise NotATable("reading Parquet needs pyarrow (pip install pyarrow)") from None
    from guardrun.provenance.data.frames import arrow_columns

    opened = parquet.ParquetFile(path)
    count = opened.metadata.num_rows
    batches: list[Any] = []
    seen = 0
    for batch in opened.iter_batches():
        batches.append(batch)
        seen += batch.num_rows
        if seen >= TEXT_ROWS:
            break
    import pyarrow as pa

    table = pa.Table.from_batches(batches, schema=opened.schema_arrow)
    return Table(arrow_columns(table), count, rows=None if seen == count else range(seen))


# -- folders


def _folder(path: Path) -> Table:
    """Files with their sizes; the folder that a file lies in is its class when there are several.

    Where the folders' folders are splits (train/cat, test/cat) the class is the innermost one.
    """
    files = [one for one in sorted(path.rglob("*")) if one.is_file() and not one.name.startswith(".")]
    if len(files) > FOLDER_FILES:
        raise NotATable(f"it has more than {FOLDER_FILES} files")
    names = [one.relative_to(path).as_posix() for one in files]
    classes = [one.parent.name for one in files]
    columns: dict[str, Any] = {"file": names, "bytes": _typed([one.stat().st_size for one in files])}
    if files and all("/" in name for name in names) and len(set(classes)) > 1:
        columns["label"] = classes
    table = Table(columns if files else {}, len(files))
    table.files = files
    return table


_READERS: dict[str, Callable[[Path], Table]] = {
    ".npy": _npy, ".npz": _npz, ".csv": _delimited, ".tsv": _delimited, ".jsonl": _json_lines,
    ".ndjson": _json_lines, ".json": _json, ".txt": _text, ".parquet": _parquet,
}  # fmt: skip
