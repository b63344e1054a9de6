"""The baseline that a run has to beat: as the training told it, or as `guard check` measured it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from guardrun.events.schema import Event
from guardrun.judging.check_records import Check, code_of, config_fingerprint, find_check
from guardrun.judging.facts import Baseline
from guardrun.state.values import real, table, words

BASELINE: Final = "baseline"


def told_baseline(events: Iterable[Event]) -> Baseline | None:
    """The newest that the training's own events tell."""
    found = None
    for event in events:
        if event.get("kind") == BASELINE or event.get("mode") == BASELINE:
            found = _of(event) or found
    return found


def checked_baseline(launch: Mapping[str, Any], run: Path) -> Baseline | None:
    """The strongest one that `guard check` measured for this configuration."""
    check = kept_check(launch, run)
    item = None if check is None or not check.intact else check.item(BASELINE)
    return None if item is None else _of(table(item.get("evidence")))


def kept_check(launch: Mapping[str, Any], run: Path) -> Check | None:
    """The kept result of `guard check`: beside the configuration, in the working folder, by the runs."""
    config = table(launch.get("config"))
    if not config:
        return None
    source, workdir = words(launch.get("config_source")), words(launch.get("workdir"))
    folders = [*([Path(source).parent] if source else []), *([Path(workdir)] if workdir else [])]
    folders.append(run.resolve().parent.parent)
    fingerprint = config_fingerprint(config)
    return find_check(fingerprint, code_of(table(launch.get("git"))), list(dict.fromkeys(folders)))


def _of(record: Mapping[str, Any]) -> Baseline | None:
    metric, value = words(record.get("metric")), real(record.get("value"))
    return Baseline(metric, value, words(record.get("model"))) if metric and value is not None else None
