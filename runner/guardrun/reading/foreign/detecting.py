"""Which line format a log is in, found from its content. Pure; nothing raises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from guardrun.reading.foreign.flavours import LINES, TABLES, Flavour, flavour_of
from guardrun.reading.foreign.model import Facts, ForeignRow, RawRecord
from guardrun.reading.foreign.naming import stored_name, tells_of_training
from guardrun.reading.foreign.table import Table
from guardrun.reading.foreign.text import TextLog
from guardrun.reading.foreign.values import MOST_VALUES, as_value, flattened, json_of, split_cells

KNOWN_LINES: Final = (
    "JSON lines (one object a line), CSV with a header line, and the text of DeepSpeed, Megatron-LM, "
    "nanoGPT, modded-nanogpt, fairseq and PyTorch's examples"
)
_DELIMITERS: Final = ",\t;"
_EXCERPT: Final = 60
_MOST_HELD: Final = 3
_MOST_SHAPES: Final = 256
_LINES_LOOKED_AT: Final = 20_000
"""A text log may begin with a long configuration, or with the program itself."""
_CHARS_LOOKED_AT: Final = 8_000_000


class Format(Protocol):
    """Turns the lines of one format into rows."""

    @property
    def name(self) -> str:
        """The format, for people."""

    @property
    def columns(self) -> set[str]:
        """Raw names that were seen."""

    def rows(self, line: str) -> Iterable[ForeignRow] | None:
        """The rows on this line, none for a line that has none on purpose; None for a bad line."""


class JsonLines:
    """One object a line; objects inside it are flattened, with ``/``.

    Some tools begin with a line about their machine or configuration: what comes before the first row that
    tells of a training is held back, and dropped then.
    """

    def __init__(self, facts: Facts, mapping: Mapping[str, str] | None) -> None:
        self._facts = facts
        self._mapping = mapping
        self._table = Table(Flavour(facts), facts, mapping)
        self._shapes: set[frozenset[str]] = set()
        self._held: list[RawRecord] = []
        self._open = mapping is None

    @property
    def name(self) -> str:
        tool = self._table.flavour.name
        return f"{tool} JSON lines" if tool else "JSON lines"

    @property
    def columns(self) -> set[str]:
        return self._table.met.union(*self._held)

    def rows(self, line: str) -> Iterable[ForeignRow] | None:
        found = json_of(line) if line.lstrip().startswith("{") else None
        if not isinstance(found, dict):
            return None
        record = flattened(found)
        if not self._table.flavour.name:
            self._look(record)
        if not self._open:
            return self._table.rows(record)
        self._held.append(record)
        if len(self._held) <= _MOST_HELD:
            return ()
        self._open, held, self._held = False, self._held, []
        return [row for each in held for row in self._table.rows(each)]

    def _look(self, record: RawRecord) -> None:
        """Whether this row is the first that a known tool writes, or that tells of a training at all."""
        shape = frozenset(record)
        if shape in self._shapes or len(self._shapes) > _MOST_SHAPES:
            return
        self._shapes.add(shape)
        flavour = flavour_of(shape, LINES, self._facts)
        if flavour.name:
            self._table = Table(flavour, self._facts, self._mapping)
        if flavour.name or tells_of_training({stored_name(raw) for raw in shape}, set(shape)):
            self._open, self._held = False, []


class Csv:
    """Cells under the names of a header line. Empty cells are no values."""

    def __init__(
        self, header: list[str], delimiter: str, facts: Facts, mapping: Mapping[str, str] | None
    ) -> None:
        flavour = flavour_of(frozenset(header), TABLES, facts)
        self._table = Table(flavour, facts, mapping)
        self._names = header
        self._delimiter = delimiter
        self.name = "CSV" if not flavour.name else f"{flavour.name.removesuffix(' CSV')} CSV"

    @property
    def columns(self) -> set[str]:
        return self._table.met | set(self._names[:MOST_VALUES])

    def rows(self, line: str) -> Iterable[ForeignRow] | None:
        record = self._record(line)
        if record is None:
            return None
        found = list(self._table.rows(record))
        if not found and record and all(as_value(cell) is None for cell in record.values()):
            return None  # words between commas are no row
        return found

    def _record(self, line: str) -> RawRecord | None:
        cells = split_cells(line, self._delimiter)
        if cells == self._names:
            return {}  # a resumed training wrote its header again
        if len(cells) != len(self._names) or cells[0] in self._names:
            if is_header(cells) and len(set(cells) & set(self._names)) > 1:
                self._names = cells  # and may log more than before
                return {}
            if len(cells) != len(self._names):
                return None
        pairs = zip(self._names[:MOST_VALUES], cells, strict=False)
        return {name: cell for name, cell in pairs if name and cell and cell != "-"}


class Detector:
    """Finds the format from a file's first lines."""

    def __init__(self, facts: Facts, mapping: Mapping[str, str] | None = None) -> None:
        self.format: Format | None = None
        self.problem = ""
        """What was found instead of a known format; "" as long as that is open."""
        self._facts = facts
        self._mapping = mapping
        self._text = TextLog(facts, mapping)
        self._first: str | None = None
        self._lines = 0
        self._chars = 0

    def feed(self, line: str) -> list[ForeignRow]:
        """Look at one more line. A JSON object decides at once, a CSV with its first row of numbers, a text
        with the first line that only its writer would print: then the rows of the text up to here are
        returned. In every other case the line that decided is still to be read."""
        found = json_of(line) if line.lstrip().startswith("{") else None
        if isinstance(found, dict):
            self.format = JsonLines(self._facts, self._mapping)
            return []
        if self._text.knows(line):
            self.format = self._text
            return self._text.early
        if not line.startswith("#"):
            self._look(line)
        return []

    def reconsider(self, line: str) -> list[ForeignRow] | None:
        """A line does not fit the format: its rows if the file is text of a known tool after all.

        A console may begin with lines that look like a table, or with a configuration.
        """
        if self.format is self._text or not self._text.knows(line):
            return None
        self.format = self._text
        return self._text.early

    def _look(self, line: str) -> None:
        self._lines += 1
        self._chars += len(line)
        if self._lines == 1:
            self._first = line
            if _no_lines(line):
                self.problem = self.describe()
        elif self._lines == 2 and self._first is not None:
            self.format = self._csv(self._first, line)
        if self.format is None and (self._lines > _LINES_LOOKED_AT or self._chars > _CHARS_LOOKED_AT):
            self.problem = self.describe()

    def _csv(self, header: str, row: str) -> Csv | None:
        delimiter = max(_DELIMITERS, key=header.count)
        names, cells = split_cells(header, delimiter), split_cells(row, delimiter)
        if is_header(names) and len(cells) == len(names) and any(as_value(c) is not None for c in cells):
            return Csv(names, delimiter, self._facts, self._mapping)
        return None

    def describe(self) -> str:
        """What was found, for a file that ended before that was decided; "" for an empty one."""
        if self.problem or self._first is None:
            return self.problem
        only = "one line and no more, " if self._lines == 1 else ""
        return f"{only}{_described(self._first)}"


def is_header(cells: list[str]) -> bool:
    """Whether these can be names of columns: several, at least two not empty, none a number."""
    named = [cell for cell in cells if cell]
    return len(named) > 1 and all(as_value(cell) is None for cell in named)


def _no_lines(first: str) -> bool:
    """Whether a file that begins so is no log of lines at all, whatever comes."""
    document = first.strip() in ("{", "[") or isinstance(json_of(first), list)
    return document or "\0" in first


def _described(line: str) -> str:
    from guardrun.reading.plain_text import plain

    if line.strip() in ("{", "[") or isinstance(json_of(line), list):
        return "one JSON document over several lines"
    if "\x00" in line or line.count("\ufffd") > 2:
        return "binary data"
    text = plain(line[: 2 * _EXCERPT])
    return f"“{text[:_EXCERPT]}{'…' if len(text) > _EXCERPT else ''}”"
