"""Everything that is looked for in one data set, and between it and the splits that are known already."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from guardrun.provenance.data.duplicates import example_hashes, judge_duplicates
from guardrun.provenance.data.findings import Finding, judge_classes, judge_columns, judge_same, role_of
from guardrun.provenance.data.leakage import judge_leaks
from guardrun.provenance.data.normalisation import judge_normalisation
from guardrun.provenance.data.statistics import table_statistics
from guardrun.provenance.data.table import Table

LEAST_SECONDS = 0.2


def examine(
    name: str, table: Table, record: dict[str, Any], examples: dict[str, Any], *, seconds: float
) -> None:
    """Add statistics, duplicates and leaks of a data set to its record, with ``findings``.

    ``examples`` holds the hashes of the examples of the splits before it, and takes this one's.
    """
    deadline = time.monotonic() + seconds
    record.update(table_statistics(table), count=None if table.uncounted else table.count)
    findings: list[Finding] = record.setdefault("findings", [])
    findings += judge_columns(name, record, record["count"])
    left = (deadline - time.monotonic()) / 2
    hashes = example_hashes(table, seconds=max(LEAST_SECONDS, left))
    record["examples_compared"] = 0 if hashes is None else len(hashes)
    examples.pop(name, None)
    if hashes is not None:
        record["duplicates_with"], found = judge_duplicates(name, hashes, examples)
        findings += found
        examples[name] = hashes
    findings += judge_leaks(name, table, seconds=max(LEAST_SECONDS, deadline - time.monotonic()))


def _same_data(name: str, records: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Splits of equal content whose examples can't be compared one by one, such as a row of numbers."""
    mine = records[name]
    told = mine.get("duplicates_with") or {}
    return [
        judge_same(name, other, int(mine.get("count") or 0))
        for other, theirs in records.items()
        if other != name and mine.get("sha256") and mine["sha256"] == theirs.get("sha256")
        and mine.get("rule") == theirs.get("rule") and mine.get("count") != 0 and not told.get(other)
        and "" not in (role_of(name), role_of(other)) and role_of(name) != role_of(other)
    ]  # fmt: skip


def between(name: str, records: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """What the splits say together, ``name`` being the newest of them."""
    others = {other: facts.get("classes") for other, facts in records.items() if other != name}
    return (
        _same_data(name, records)
        + judge_classes(name, records[name].get("classes"), others)
        + judge_normalisation(records)
    )
