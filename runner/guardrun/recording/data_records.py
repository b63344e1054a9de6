"""``run.data`` and what goes with it: each data set's record, and what is wrong with it.

Nothing here may hurt the training: it takes a bounded time, leaves every random generator where it was, and
whatever fails is told in a note.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.events.schema import DATA, FIT, PREPROCESSING, SPLIT
from guardrun.events.untrusted import read_object
from guardrun.recording.data import fingerprint, undisturbed
from guardrun.recording.data_memory import earlier, keep, read_examples, read_record
from guardrun.recording.sealed_test import TestUses, under_check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guardrun.recording.fitting import Statistics
    from guardrun.recording.session import Session

SECONDS = 3.0
"""What statistics, duplicates and leaks may take for one data set, besides its hash."""
SHOWN_POSITIONS = 64
"""Of wider examples the event has no statistics of each position."""
SHOWN_FIELDS = 100


class DataRecords:
    """The data sets of one run, as far as this process has seen them."""

    def __init__(
        self, session: Session, hashes: dict[str, str], seed: Callable[[], int | None] = lambda: None
    ) -> None:
        self._session = session
        self._hashes = hashes
        self.tests = TestUses(session, seed, self._parent)
        self.known: dict[str, dict[str, Any]] = {}
        """Name -> the record, with the statistics of every position."""
        self.examples: dict[str, Any] = {}
        """Name -> a hash of each example, where they could be made."""
        self._fits: list[tuple[dict[str, Any], Any]] = []
        self._said: set[str] = set()

    # -- data sets

    def record(
        self,
        name: str,
        obj: Any,
        *,
        version: str | None = None,
        labels: Any = None,
        sha256: str | None = None,
    ) -> None:
        """Write the ``data`` event of a data set. Raises UserError when its hash is not ``sha256``."""
        from guardrun.provenance.data.values import unwrapped

        obj = unwrapped(obj)
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
        if is_test(name):
            self.tests.opened(name, record["sha256"])
        if sha256 is not None:
            _refuse_other(name, record, sha256)

    def _look(self, name: str, obj: Any, labels: Any, record: dict[str, Any]) -> None:
        from guardrun.provenance.data.examine import examine
        from guardrun.provenance.data.findings import judge_lengths
        from guardrun.provenance.data.not_a_table import NotATable, UnequalColumns
        from guardrun.provenance.data.table import table_of

        begun = time.monotonic()
        seconds = budget_seconds()
        record["findings"] = []
        try:
            table = table_of(obj, labels=labels, seconds=seconds / 2, around=undisturbed)
        except NotATable as reason:
            record["statistics_rule"] = f"none: {reason}"
            if isinstance(reason, UnequalColumns):
                record["count"] = None
                record["findings"].append(judge_lengths(name, reason.lengths))
        else:
            left = begun + seconds - time.monotonic()
            examine(name, table, record, self.examples, seconds=left)
        self.known[name] = record
        self._compare(name, record)
        record["statistics_seconds"] = time.monotonic() - begun

    def _compare(self, name: str, record: dict[str, Any]) -> None:
        """With the other splits of this run, and with the same data set of earlier ones."""
        from guardrun.provenance.data.examine import between

        found = self._once(between(name, self.known))
        for fitted, hashes in self._fits:
            found += self._judged_fit(fitted, hashes)
        if self._session.paths is not None and not under_check():
            try:
                found += self._changes(name, record)
                keep(self._session.paths, name, record, self.examples.get(name))
            except OSError as error:
                self._session.trouble(f"{name} could not be kept for later runs", error)
        record["findings"] += found

    def _changes(self, name: str, record: dict[str, Any]) -> list[dict[str, Any]]:
        from guardrun.provenance.data.drift import judge_change, judge_moves

        session = self._session
        assert session.paths is not None
        source = earlier(session.paths, name, session.attempt, self._parent())
        before = read_record(source.folder, name) if source is not None else None
        if source is None or before is None:
            return []
        record["compared_with"] = {"source": source.source, "sha256": before.get("sha256")}
        found = judge_change(name, record, before, source.source, same_run=source.same_run)
        if not found or source.same_run:
            return found
        return found + judge_moves(name, self.examples.get(name), read_examples(source.folder), source.source)

    def _parent(self) -> str | None:
        if self._session.paths is None:
            return None
        try:
            found = read_object(self._session.paths.run_json).get("parent")
        except (OSError, ValueError):
            return None
        return os.path.basename(found) if isinstance(found, str) and found else None

    # -- splits, fits, preprocessing

    def split(self, path: Any, parts: Mapping[str, Any] | None) -> dict[str, list[Any]]:
        """The ids of a split file, written and sealed when there is none yet. Raises UserError."""
        from guardrun.provenance.data.splits import judge_split, ledger_of, normal, use_split

        file = Path(os.path.abspath(path))
        session = self._session
        if (session.rank.rank != 0 or session.inert) and parts is not None and not file.exists():
            return normal(parts)
        found, sha256 = use_split(file, parts)
        self.tests.split_file = file
        session.emit(
            SPLIT, path=str(file), sha256=sha256, ledger=str(ledger_of(file)),
            counts={name: len(ids) for name, ids in found.items()}, findings=judge_split(found),
        )  # fmt: skip
        return found

    def fit(self, obj: Any, name: str, labels: Any, per: str) -> Statistics:
        """Statistics to normalise by; where they came from is remembered and judged. Raises UserError."""
        from guardrun.provenance.data.duplicates import example_hashes
        from guardrun.provenance.data.not_a_table import NotATable
        from guardrun.provenance.data.table import table_of
        from guardrun.recording.fitting import fit, holds_tensors

        try:
            table = table_of(obj, labels=labels, seconds=budget_seconds(), around=undisturbed)
        except NotATable as reason:
            raise UserError(f"run.fit_statistics can't read {name}: {reason}") from None
        found = fit(table, per, as_tensors=holds_tensors(obj))
        fitted = {"name": name, "count": table.count, "sha256": fingerprint(obj)["sha256"], "per": per}
        findings: list[dict[str, Any]] = []
        try:
            hashes = example_hashes(table, seconds=budget_seconds())
            self._fits.append((fitted, hashes))
            findings = self._judged_fit(fitted, hashes)
        except Exception as error:
            self._session.trouble("what the statistics were fitted on could not be compared", error)
        self._session.emit(FIT, **fitted, findings=findings)
        return found

    def _judged_fit(self, fitted: dict[str, Any], hashes: Any) -> list[dict[str, Any]]:
        from guardrun.provenance.data.normalisation import judge_fit

        return self._once(judge_fit(fitted, hashes, self.examples, self.known))

    def preprocessing(self, obj: Any, name: str) -> None:
        """Write the ``preprocessing`` event: a description and its hash. Never raises."""
        try:
            from guardrun.provenance.preprocessing import describe

            self._session.emit(PREPROCESSING, name=name, **describe(obj))
        except Exception as error:
            self._session.trouble(f"{name} could not be described", error)

    def _once(self, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Findings that were not told yet: each later data set is judged together with all before it."""
        fresh = [one for one in findings if one["message"] not in self._said]
        self._said |= {one["message"] for one in fresh}
        return fresh


def is_test(name: str) -> bool:
    from guardrun.provenance.data.findings import TEST, role_of

    return role_of(name) == TEST


def _refuse_other(name: str, record: dict[str, Any], expected: str) -> None:
    found = record["sha256"] or ""
    if len(expected) >= 8 and found.startswith(expected.lower()):
        return
    reason = f"its hash is {found[:16]}…" if found else record["rule"]
    raise UserError(
        f"{name} is not the data that this script asks for (sha256 {expected[:16]}…): {reason}",
        hint="bring the old content back, or change sha256= in the script and give the data a new version",
    )


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
