"""The rows of a log that is read line by line, whatever its format is. Pure; nothing raises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from guardrun.reading.foreign.detecting import Detector
from guardrun.reading.foreign.model import Facts, ForeignRow

_CR: Final = "\r"
_RECONSIDERED: Final = 1000
"""Lines that do not fit, after which the format stands."""


class ForeignRows:
    """Takes the whole lines of one file in order and gives its rows."""

    def __init__(self, mapping: Mapping[str, str] | None = None) -> None:
        self.bad_lines = 0
        """Lines that do not fit the format."""
        self.facts = Facts()
        self._detector = Detector(self.facts, mapping)

    @property
    def renamed(self) -> dict[str, str]:
        """Raw name -> stored name, where the two differ."""
        return self.facts.renamed

    @property
    def format(self) -> str:
        """The format's name; "" as long as it is unknown."""
        return self._detector.format.name if self._detector.format is not None else ""

    @property
    def columns(self) -> set[str]:
        """Raw names that were seen, where the format has such."""
        return self._detector.format.columns if self._detector.format is not None else set()

    @property
    def problem(self) -> str:
        """What was found in place of a known format; "" as long as that is open."""
        return self._detector.problem

    def describe(self) -> str:
        """What the file seems to hold, when it ended before its format was sure."""
        return "" if self.format else self._detector.describe()

    def read(self, lines: bytes) -> list[ForeignRow]:
        """The rows on these whole lines."""
        rows: list[ForeignRow] = []
        for line in lines_of(lines):
            rows += self.rows_on(line)
            if self._detector.problem:
                break
        return rows

    def rows_on(self, line: str) -> Iterable[ForeignRow]:
        """The rows on one line, which has no end and is not blank."""
        detector = self._detector
        if detector.problem:
            return ()
        if detector.format is None:
            early = detector.feed(line)
            if early or detector.format is None:
                return early
        elif line.startswith("#"):
            return ()
        found = detector.format.rows(line)
        if found is None:
            self.bad_lines += 1
            if self.bad_lines <= _RECONSIDERED:
                return detector.reconsider(line) or ()
            return ()
        return found


def lines_of(data: bytes) -> Iterator[str]:
    """Whole lines as text, without their ends, without blank ones. Bytes that are no UTF-8 are replaced.

    A bare carriage return ends a line too: progress bars write it. NUL bytes at a line's ends, which a crash
    of the machine leaves in a file, are dropped.
    """
    text = data.decode("utf-8", "replace")
    if _CR in text:
        text = text.replace(_CR, "\n")
    for line in text.split("\n"):
        shown = line.lstrip("\ufeff")
        if "\0" in shown and len(shown.strip("\0")) > 0:
            shown = shown.strip("\0")
        if shown and not shown.isspace():
            yield shown
