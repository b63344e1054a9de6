"""``run.data`` and what goes with it: each data set's record, and what is wrong with it.

Nothing here may hurt the training: it takes a bounded time, leaves every random generator where it was, and
whatever fails is told in a note.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from guardrun.events.schema import DATA
from guardrun.recording.data import fingerprint, undisturbed

if TYPE_CHECKING:
    from guardrun.recording.session import Session

SECONDS = 3.0
"""What statistics, duplicates and leaks may take for one data set, besides its hash."""
SHOWN_POSITIONS = 64
"""Of wider examples the event has no statistics of each position."""
SHOWN_FIELDS = 100
ROWS_KEPT = 4_000_000


class DataRecords:
    """The data sets of one run, as far as this process has seen them."""

    def __init__(self, session: Session, hashes: dict[str, str]) -> None:
        self._session = session
        self._hashes = hashes
        self.known: dict[str, dict[str, Any]] = {}
        """Name -> the record, with the statistics of every position."""
        self.examples: dict[str, Any] = {}
        """Name -> a hash of each example, where they could be made."""

    def record(self, name: str, obj: Any, *, version: str | None = None, labels: Any = None) -> None:
        """Write the ``data`` event of a data set. Never raises."""
        record: dict[str, Any] = {"name": name, **fingerprint(obj)}
        if version is not None:
            record["version"] = str(version)
        if record["sha256"]:
            self._hashes[name] = record["sha256"]
        if self._session.rank.rank == 0 and not self._session.inert:
            try:
                self._look(name, obj, labels, record)
            except Exception as error:  # a data set may do anything when it is looked at
                self._session.trouble(f"no statistics of {name}", error)
        self._session.emit(DATA, **shown(record))

    def _look(self, name: str, obj: Any, labels: Any, record: dict[str, Any]) -> None:
        from guardrun.provenance.data.table import NotATable, table_of

        begun = time.monotonic()
        seconds = budget_seconds()
        try:
            table = table_of(obj, labels=labels, seconds=seconds / 2, around=undisturbed)
        except NotATable as reason:
            record["statistics_rule"] = f"none: {reason}"
            return
        self._judge(name, table, record, begun + seconds)
        record["statistics_seconds"] = time.monotonic() - begun

    def _judge(self, name: str, table: Any, record: dict[str, Any], deadline: float) -> None:
        from guardrun.provenance.data.duplicates import example_hashes, judge_duplicates
        from guardrun.provenance.data.findings import judge_classes, judge_columns
        from guardrun.provenance.data.statistics import table_statistics

        record.update(table_statistics(table), count=table.count)
        others = {other: facts for other, facts in self.known.items() if other != name}
        findings = judge_columns(name, record, table.count)
        findings += judge_classes(
            name, record["classes"], {other: facts.get("classes") for other, facts in others.items()}
        )
        hashes = example_hashes(table, seconds=max(0.2, deadline - time.monotonic()))
        record["examples_compared"] = 0 if hashes is None else len(hashes)
        if hashes is not None:
            compared = {other: self.examples[other] for other in others if other in self.examples}
            record["duplicates_with"], more = judge_duplicates(name, hashes, compared)
            findings += more
            self.examples[name] = hashes
        record["findings"] = findings
        self.known[name] = record


def budget_seconds() -> float:
    """``GUARDRUN_DATA_SECONDS``, or what is usual."""
    try:
        return max(0.1, float(os.environ.get("GUARDRUN_DATA_SECONDS") or SECONDS))
    except ValueError:
        return SECONDS


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """A record as an event: without the statistics of each position where there are many."""
    fields = record.get("fields")
    if not isinstance(fields, dict):
        return record
    short = {}
    for name, facts in list(fields.items())[:SHOWN_FIELDS]:
        positions = facts.get("positions")
        if positions is not None and len(positions["mean"]) > SHOWN_POSITIONS:
            facts = {key: value for key, value in facts.items() if key != "positions"}
        short[name] = facts
    return {**record, "fields": short}
