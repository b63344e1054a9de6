"""Logs that are text for people: each line is tried by those who know such lines. Pure; nothing raises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from guardrun.reading.foreign.dialects import DIALECTS, Dialect
from guardrun.reading.foreign.model import Facts, ForeignRow

_MOST_EARLY: Final = 1000


class TextLog:
    """Reads what one or several tools printed into one file (Megatron-LM on DeepSpeed); skips the rest."""

    def __init__(self, facts: Facts, mapping: Mapping[str, str] | None = None) -> None:
        self._dialects: list[Dialect] = [kind(facts) for kind in DIALECTS]
        self._renamed = {raw: stored for stored, raw in (mapping or {}).items()}
        self._matched: Counter[str] = Counter()
        self._sure = False
        self.columns: set[str] = set()
        self.early: list[ForeignRow] = []
        """Rows that were met before it was sure whose they are."""

    @property
    def name(self) -> str:
        """The tool that printed most of the lines."""
        most = self._matched.most_common(1)
        return f"{most[0][0]} text" if most else "text"

    def knows(self, line: str) -> bool:
        """Take a line while the format is open; whether only one of the known tools prints such."""
        self._sure = False
        self.early += list(self.rows(line))
        del self.early[:-_MOST_EARLY]
        return self._sure

    def rows(self, line: str) -> Iterable[ForeignRow]:
        for dialect in self._dialects:
            if _has(line, dialect.needles):
                found = dialect.rows(line)
                if found is not None:
                    self._sure = self._sure or (bool(found) and dialect.is_sure(line))
                    self._matched[dialect.name] += 1
                    return self._kept(found)
        return ()

    def _kept(self, rows: list[ForeignRow]) -> list[ForeignRow]:
        for row in rows:
            self.columns.update(row.values)
        return [row._replace(values=self._mapped(row.values)) for row in rows] if self._renamed else rows

    def _mapped(self, values: dict[str, float]) -> dict[str, float]:
        chosen = {self._renamed[name]: value for name, value in values.items() if name in self._renamed}
        return {name: value for name, value in values.items() if name not in self._renamed} | chosen


def _has(line: str, needles: tuple[str, ...]) -> bool:
    return any(needle in line for needle in needles)
