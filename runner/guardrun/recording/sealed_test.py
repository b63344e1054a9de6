"""The test split is sealed: each use of it is an event, and an entry in a ledger that all runs share.

The ledger lies beside the split file; without one beside the runs folder, by the hash of the test data.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from guardrun.events.schema import TEST_USE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from guardrun.recording.session import Session


class TestUses:
    """The uses of the test split in one run. Never raises."""

    __test__ = False

    def __init__(
        self, session: Session, seed: Callable[[], int | None], parent: Callable[[], str | None]
    ) -> None:
        self._session = session
        self._seed = seed
        self._parent = parent
        self.split_file: Path | None = None
        self._steps: list[int] = []
        self._said: set[str] = set()
        self._opened: set[str] = set()
        self._hashes: set[str] = set()

    def opened(self, name: str, sha256: str | None) -> None:
        """The script asked for the test data, which has this hash."""
        if sha256:
            self._hashes.add(sha256)
        if name not in self._opened:
            self._opened.add(name)
            self._guarded(name, "data", self._session.progress.step)

    def measured(self, name: str, via: str, step: int) -> None:
        """A test metric was recorded; several of one step are one use."""
        if not self._steps or self._steps[-1] != step:
            self._steps.append(step)
            self._guarded(name, via, step)

    def end(self) -> None:
        """At the end of the run: whether training went on after the only measurement."""
        if len(self._steps) == 1 and self._session.progress.step > self._steps[0]:
            try:
                found = self._new(self._of_this_run(trained_after=True))
                if found:
                    self._session.note(found[0]["message"], findings=found)
            except Exception as error:
                self._session.trouble("the uses of the test split could not be judged", error)

    def _guarded(self, name: str, via: str, step: int) -> None:
        session = self._session
        if session.rank.rank != 0 or session.inert:
            return
        findings: list[dict[str, Any]] = []
        try:
            findings = self._new(self._judge(via))
            self._enter(name, via, step)
        except Exception as error:  # a read-only folder must not keep anybody from training
            session.trouble("the use of the test split is not in the ledger", error)
        ledgers = [str(ledger) for ledger in self._ledgers()]
        session.emit(TEST_USE, name=name, via=via, step=step, ledgers=ledgers, findings=findings)

    def _judge(self, via: str) -> list[dict[str, Any]]:
        from guardrun.provenance.data.ledger import OPENED, judge_ledger, uses

        if via == OPENED:
            return []
        found = self._of_this_run(trained_after=len(set(self._steps)) > 1)
        entries = [entry for ledger in self._ledgers() for entry in uses(ledger)]
        if entries:
            found += judge_ledger(entries, self._run_id(), self._result(), self._seed(), self._parent())
        return found

    def _of_this_run(self, *, trained_after: bool) -> list[dict[str, Any]]:
        from guardrun.provenance.data.ledger import judge_run_uses

        return judge_run_uses(self._steps, trained_after)

    def _new(self, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        fresh = [one for one in findings if (one["id"] + str(one["evidence"].get("runs"))) not in self._said]
        self._said |= {one["id"] + str(one["evidence"].get("runs")) for one in fresh}
        return fresh

    def _enter(self, name: str, via: str, step: int) -> None:
        from guardrun.provenance.data.ledger import enter_use

        for ledger in self._ledgers():
            enter_use(ledger, {
                "name": name, "via": via, "step": step, "run_id": self._run_id(),
                "result": self._result(), "seed": self._seed(),
            })  # fmt: skip

    def _ledgers(self) -> list[Path]:
        """Where this run's uses are entered; nowhere for test data that has neither split file nor hash."""
        from guardrun.provenance.data.ledger import ledger_of_data
        from guardrun.provenance.data.splits import ledger_of

        paths = self._session.paths
        if under_check():
            return []
        if self.split_file is not None:
            return [ledger_of(self.split_file)]
        if paths is None:
            return []
        return [ledger_of_data(paths.root.parent, sha256) for sha256 in sorted(self._hashes)]

    def _run_id(self) -> str:
        return self._session.paths.root.name if self._session.paths else ""

    def _result(self) -> str:
        from guardrun.provenance.data.ledger import result_key

        return result_key(self._session.config.to_dict())


def under_check() -> bool:
    """A sanity check trains for a moment, on changed data: it is no use of the test split."""
    return bool(os.environ.get("GUARDRUN_SANITY"))
