"""Logs that are text for people: each line is tried by those who know such lines. Pure; nothing raises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from guardrun.reading.foreign.dialects import DIALECTS, Dialect
from guardrun.reading.foreign.model import Facts, ForeignRow


class TextLog:
    """Reads what one or several tools printed into one file (Megatron-LM on DeepSpeed); skips the rest."""

    def __init__(self, facts: Facts, mapping: Mapping[str, str] | None = None) -> None:
        self._dialects: list[Dialect] = [kind(facts) for kind in DIALECTS]
        self._renamed = {raw: stored for stored, raw in (mapping or {}).items()}
        self._matched: Counter[str] = Counter()
        self.columns: set[str] = set()

    @property
    def name(self) -> str:
        """The tool that printed most of the lines."""
        most = self._matched.most_common(1)
        return f"{most[0][0]} text" if most else "text"

    def knows(self, line: str) -> bool:
        """Whether only one of the known tools prints such a line."""
        return any(d.needle in line and d.knows(line) for d in self._dialects)

    def rows(self, line: str) -> Iterable[ForeignRow]:
        for dialect in self._dialects:
            if dialect.needle in line:
                found = dialect.rows(line)
                if found is not None:
                    self._matched[dialect.name] += 1
                    return self._kept(found)
        return ()

    def _kept(self, rows: list[ForeignRow]) -> list[ForeignRow]:
        for row in rows:
            self.columns.update(row.values)
        if not self._renamed:
            return rows
        return [
            row._replace(values={self._renamed.get(name, name): v for name, v in row.values.items()})
            for row in rows
        ]
