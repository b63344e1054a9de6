"""How the effective configurations of runs differ, and where each value came from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guardrun.events.schema import PREPROCESSING, SETTINGS
from guardrun.judging.facts import RunFacts, flattened, without_envelope

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
    """Every key whose effective value differs, defaults included, in alphabetical order.

    The settings of optimizers, schedulers and models, the definitions of metrics and the preprocessing, as
    the training recorded them, are part of it.
    """
    flat = [effective(run) for run in runs]
    found = []
    for key in sorted({key for each in flat for key in each}):
        values = tuple(each.get(key, ABSENT) for each in flat)
        if len({repr(value) for value in values}) > 1:
            found.append(KeyDifference(key, values, tuple(run.config_origins.get(key) for run in runs)))
    return found


def effective(run: RunFacts) -> dict[str, Any]:
    """Dotted key -> value of the configuration, and of what the training told of its objects."""
    settings = run.told.get(SETTINGS, ())
    recorded = without_envelope(settings[-1]) if settings else {}
    steps = {
        f"{PREPROCESSING}.{each.get('name') or index}": each.get("text") or each.get("sha256")
        for index, each in enumerate(run.preprocessing)
    }
    return {**flattened(run.config), **flattened(_by_index(recorded)), **steps}


def _by_index(value: Any) -> Any:
    """Lists of mappings (an optimizer's groups) as mappings by number, so that one setting is one key."""
    if isinstance(value, Mapping):
        return {str(key): _by_index(each) for key, each in value.items()}
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        return {str(index): _by_index(each) for index, each in enumerate(value)}
    return value


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
