"""The sealed test split: what each of its uses means, given those before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from guardrun.events.own_folder import OWN, own_folder
from guardrun.provenance.data.findings import Finding, finding
from guardrun.provenance.data.hashing import LEDGER_END
from guardrun.provenance.data.splits import append_line, read_lines

USE: Final = "test_use"
FOLDER: Final = "test-uses"
"""Of the ledgers, below ``.guardrun``."""
OPENED: Final = "data"
"""``via`` of a use that only loads the test split; the others measured on it."""
EVERY_EPOCH = 3
"""From so many measurements in one run on, somebody is watching the test set."""
_NO_RESULT = frozenset(("seed", "name", "group"))


def result_key(config: Mapping[str, Any]) -> str:
    """A hash of the configuration without its seed: runs that share it repeat one result."""
    text = json.dumps(_without_seed(config), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _without_seed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _without_seed(v) for k, v in value.items() if k not in _NO_RESULT}
    return value


def ledger_of_data(runs: Path, sha256: str) -> Path:
    """The ledger of test data that no split file names: beside the runs folder, by the data's hash."""
    return runs.parent / OWN / FOLDER / f"{sha256[:32]}{LEDGER_END}"


def enter_use(ledger: Path, entry: Mapping[str, Any]) -> None:
    """Append a use to a ledger; the folder of data without a split file is made. Raises OSError."""
    if ledger.parent.name == FOLDER and ledger.parent.parent.name == OWN:
        own_folder(ledger.parent.parent.parent, FOLDER)
    append_line(ledger, {"event": USE, **entry})


def uses(ledger: Path) -> list[dict[str, Any]]:
    """All uses that a ledger holds, oldest first."""
    return [entry for entry in read_lines(ledger) if entry.get("event") == USE]


def judge_run_uses(steps: list[int], trained_after: bool) -> list[Finding]:
    """Findings from the measurements on the test split in one run: ``steps`` at which they were made."""
    found: list[Finding] = []
    distinct = sorted(set(steps))
    where = ", ".join(map(str, distinct[:6])) + (", …" if len(distinct) > 6 else "")
    if len(distinct) >= EVERY_EPOCH:
        found.append(finding(
            "test_every_epoch", "act",
            f"test metrics were logged {len(distinct)} times while training went on (steps {where})",
            "log val metrics during training, and test metrics once, after every choice was made",
            steps=distinct[:100], times=len(distinct),
        ))  # fmt: skip
    elif len(distinct) == 2:
        found.append(finding(
            "test_used_twice", "warn", f"the test split was measured on twice in this run (steps {where})",
            "measure on it once, at the end, with the checkpoint that val chose", steps=distinct,
        ))  # fmt: skip
    elif trained_after and distinct:
        found.append(finding(
            "test_used_early", "warn",
            f"the test split was measured on at step {distinct[0]}, and training went on after that",
            "measure on it once, at the end, with the checkpoint that val chose", steps=distinct,
        ))  # fmt: skip
    return found


def judge_ledger(
    entries: Iterable[Mapping[str, Any]], run_id: str, result: str, seed: Any, parent: str | None = None
) -> list[Finding]:
    """Findings from the uses of other runs: tuning that has seen the test split, a result measured twice.

    ``parent`` is the run that this one repeats: to measure the same once more is what a repeat is for.
    """
    others: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if entry.get("via") != OPENED and entry.get("run_id") not in (None, run_id):
            others[str(entry["run_id"])] = entry
    same = [
        run
        for run, entry in others.items()
        if entry.get("result") == result and entry.get("seed") == seed and run != parent
    ]
    other = [run for run, entry in others.items() if entry.get("result") != result]
    found: list[Finding] = []
    if same:
        found.append(finding(
            "test_used_twice", "warn",
            f"this result was measured on the test split before: by {_some(same)}",
            "report the first measurement, or repeat over new seeds (`guard repeat --seeds`)",
            runs=same[-50:],
        ))  # fmt: skip
    if other:
        found.append(finding(
            "test_used_early", "warn",
            f"the test split was measured on before by {len(other)} "
            f"{'run' if len(other) == 1 else 'runs'} of other settings: {_some(other)}",
            "choose settings by val alone; a test split that was looked at in between is another val split",
            runs=other[-50:],
        ))  # fmt: skip
    return found


def _some(runs: list[str]) -> str:
    return ", ".join(runs[-3:]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
