"""Logs that other tools write, told apart by their content: JSON lines, and CSV with a header. Pure."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from typing import Any, Final, Protocol

KNOWN_FORMATS: Final = "JSON lines (one object a line) and CSV with a header line"
MOST_VALUES: Final = 1000
"""Columns of a row that are read; more are no training log."""
_DELIMITERS: Final = ",\t;"
_EXCERPT: Final = 60

Record = dict[str, Any]
"""One row as it stands in the log: raw name -> raw value."""


class Format(Protocol):
    """Turns the lines of one format into records."""

    name: str

    def record(self, line: str) -> Record | None:
        """The row on this line, empty for a line that is none on purpose; None for a bad line."""


class JsonLines:
    """One object a line; objects inside it are flattened by one level, with ``/``."""

    name = "JSON lines"

    def record(self, line: str) -> Record | None:
        found = _json(line)
        if not isinstance(found, dict):
            return None
        flat: Record = {}
        for key, value in found.items():
            if isinstance(value, dict):
                flat.update((f"{key}/{inner}", deep) for inner, deep in value.items())
            else:
                flat[key] = value
            if len(flat) >= MOST_VALUES:
                break
        return flat


class Csv:
    """Cells under the names of a header line. Empty cells are no values."""

    name = "CSV"

    def __init__(self, header: list[str], delimiter: str) -> None:
        self._names = header
        self._delimiter = delimiter

    def record(self, line: str) -> Record | None:
        cells = split_cells(line, self._delimiter)
        if cells == self._names:
            return {}  # a resumed training wrote its header again
        if is_header(cells) and len(set(cells) & set(self._names)) > 1:
            self._names = cells  # and may log more than before
            return {}
        if len(cells) != len(self._names):
            return None
        pairs = zip(self._names[:MOST_VALUES], cells, strict=False)
        return {name: cell for name, cell in pairs if name and cell}


class Detector:
    """Finds the format from a file's first lines; keeps those that still have to be read as rows."""

    def __init__(self) -> None:
        self.format: Format | None = None
        self.problem = ""
        """What was found instead of a known format; "" as long as that is open."""
        self._first: str | None = None

    def feed(self, line: str) -> None:
        """Look at one more line. A JSON object decides at once, a CSV with its first row of numbers."""
        if self.format is not None or self.problem or line.startswith("#"):
            return
        if isinstance(_json(line), dict):
            self.format = JsonLines()
        elif self._first is None:
            self._first = line
        else:
            self.format = _csv_of(self._first, line)
            if self.format is None:
                self.problem = _described(self._first)

    def describe(self) -> str:
        """What was found, for a file that ended before that was decided; "" for an empty one."""
        return self.problem or ("" if self._first is None else _described(self._first))


def lines_of(data: bytes) -> Iterable[str]:
    """Whole lines as text, without their ends, without blank ones. Bytes that are no UTF-8 are replaced."""
    for line in data.split(b"\n"):
        text = line.decode("utf-8", "replace").lstrip("\ufeff").strip("\r")
        if text.strip():
            yield text


def as_value(value: Any) -> float | None:
    """The number that a raw value stands for (``nan`` and ``inf`` in any spelling included), or None."""
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, str) and "_" not in value:
            return float(value)
    except (ValueError, OverflowError):
        pass
    return None


def split_cells(line: str, delimiter: str) -> list[str]:
    """The cells of one CSV line, stripped; an unreadable line has none."""
    try:
        rows = list(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return []
    return [cell.strip() for cell in rows[0]] if rows else []


def is_header(cells: list[str]) -> bool:
    """Whether these can be names of columns: several, at least two not empty, none a number."""
    named = [cell for cell in cells if cell]
    return len(named) > 1 and all(as_value(cell) is None for cell in named)


def _csv_of(header: str, row: str) -> Csv | None:
    delimiter = max(_DELIMITERS, key=header.count)
    names, cells = split_cells(header, delimiter), split_cells(row, delimiter)
    if is_header(names) and len(cells) == len(names) and any(as_value(cell) is not None for cell in cells):
        return Csv(names, delimiter)
    return None


def _json(line: str) -> Any:
    """The JSON value on this line, Python's NaN and Infinity included; None when there is none."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        return json.loads(line, parse_int=_int)
    except (ValueError, RecursionError):
        return None


def _int(digits: str) -> int | float:
    """Python refuses to read very long numbers; a float is good enough for them."""
    return int(digits) if len(digits) < 20 else math.inf if len(digits) > 310 else float(digits)


def _described(line: str) -> str:
    from guardrun.reading.plain_text import plain

    if line.strip() in ("{", "[") or line.startswith("["):
        return "one JSON document over several lines"
    if "\x00" in line or line.count("\ufffd") > 2:
        return "binary data"
    text = plain(line[: 2 * _EXCERPT])
    return f"“{text[:_EXCERPT]}{'…' if len(text) > _EXCERPT else ''}”"
