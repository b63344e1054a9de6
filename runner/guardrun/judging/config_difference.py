"""How the effective configurations of runs differ, and where each value came from. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from guardrun.judging.facts import RunFacts, flattened

ABSENT: Final = "(absent)"


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """One key that is not the same everywhere."""

    key: str
    values: tuple[Any, ...]
    """One a run, in the order of the runs; ABSENT where a run has no such key."""
    origins: tuple[str | None, ...]
    """default, file, override or script; None where that was not recorded."""


def differences(runs: Sequence[RunFacts]) -> list[KeyDifference]:
    """Every key whose effective value differs, defaults included, in alphabetical order."""
    flat = [flattened(run.config) for run in runs]
    found = []
    for key in sorted({key for each in flat for key in each}):
        values = tuple(each.get(key, ABSENT) for each in flat)
        if len({repr(value) for value in values}) > 1:
            found.append(KeyDifference(key, values, tuple(run.config_origins.get(key) for run in runs)))
    return found


def difference_json(runs: Sequence[RunFacts], found: Sequence[KeyDifference]) -> dict[str, Any]:
    """The runs in order, and each key with its values and origins."""
    return {
        "runs": [run.run_id for run in runs],
        "same": not found,
        "differences": [
            {"key": each.key, "values": [None if v is ABSENT else v for v in each.values],
             "present": [v is not ABSENT for v in each.values], "origins": list(each.origins)}
            for each in found
        ],
    }  # fmt: skip
