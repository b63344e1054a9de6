"""Foreign logs turned into run directories, which appear whole or not at all.

A log that was imported before is known by its path: it is left alone as long as its files and the mapping
are the same, and else its run gets the new events under its old id.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from guardrun.cli.folder_lock import lock_folder
from guardrun.errors import UserError
from guardrun.events.atomic import sync_folder, write_atomic
from guardrun.events.encode import encode
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import new_run_id
from guardrun.events.untrusted import read_object
from guardrun.reading.discovery import find_runs
from guardrun.reading.foreign.events import End, event_lines
from guardrun.reading.foreign.model import ForeignLog, ForeignRow

Outcome = Literal["imported", "refreshed", "unchanged"]
REASON: Final = "imported"
"""The reason of an end of which the log itself says nothing."""
_ASIDE: Final = ".importing-"
_ABANDONED_S: Final = 86400.0
"""After so long a folder that an import left behind is nobody's any more."""
_TAKEN: Final = frozenset((errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR))
_MOST_IDS: Final = 100
_WAIT_S: Final = 60.0
"""How long one import waits for another that writes into the same folder."""
_LOOK_S: Final = 0.05
_BUFFER: Final = 1024 * 1024
_SEED_NAMES: Final = ("random_seed", "seed")
_ROWS_WITH_TIME: Final = 1000
"""Rows among which the first with a time is looked for: a log has times in all of its rows, or in none."""
READER: Final = 1
"""Grows when logs are read in another way, so that old imports are refreshed."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one log."""

    outcome: Outcome
    path: Path
    log: ForeignLog


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs go, and under which names."""

    runs_dir: Path
    name: str | None = None
    """For all logs of one import; with several, each keeps its own name behind it."""
    group: str | None = None
    mapping: Mapping[str, str] | None = None


def import_logs(logs: Sequence[ForeignLog], place: Place) -> Iterator[Imported]:
    """Import the logs one after the other; yields each as soon as its run is there.

    Raises UserError; the log at which that happened then leaves nothing behind, and the runs before it stand.
    """
    try:
        place.runs_dir.mkdir(parents=True, exist_ok=True)
        with _alone(place.runs_dir):
            _sweep(place.runs_dir)
            known = _imported_before(place.runs_dir)
            for log in logs:
                several = place.name is not None and len(logs) > 1
                name = f"{place.name}-{log.name}" if several else place.name or log.name
                yield _import(log, name, place, known.get(_key(log.source)))
    except OSError as error:
        raise UserError(
            f"cannot write a run into {place.runs_dir}: {error.strerror or error}",
            hint="choose another folder with --to, or make room in that one",
        ) from error


@contextmanager
def _alone(runs_dir: Path) -> Iterator[None]:
    """No other import writes into the folder meanwhile: of two at once the second finds what the first made.

    A file system that cannot lock a folder goes without.
    """
    folder = os.open(runs_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + _WAIT_S
        while not lock_folder(folder):
            if time.monotonic() >= deadline:
                raise UserError(
                    f"another import is writing into {runs_dir}",
                    hint="wait until it is done, or choose another folder with --to",
                )
            time.sleep(_LOOK_S)
        yield
    finally:
        os.close(folder)


def _import(log: ForeignLog, name: str, place: Place, held: _Held | None) -> Imported:
    facts = _facts_of(log, place.mapping)
    if held is not None:
        same = all(held.facts.get(key) == facts[key] for key in ("files", "mapping", "reader"))
        if same and held.identity.get("name") == name and held.identity.get("group") == place.group:
            return Imported("unchanged", held.path, log)
        return _refresh(log, name, place, held, facts)
    began = _began(log)
    for _ in range(_MOST_IDS):
        final = place.runs_dir / new_run_id(name, began)
        if _create(final, log, name, place, facts, began):
            sync_folder(place.runs_dir)
            return Imported("imported", final, log)
    raise UserError(f"no free run id for {name!r} in {place.runs_dir}")


def _create(
    final: Path, log: ForeignLog, name: str, place: Place, facts: dict[str, Any], began: float
) -> bool:
    """Make the run aside and give it its name in one step; False when another run has that name already."""
    aside = place.runs_dir / f"{_ASIDE}{os.getpid()}-{os.urandom(4).hex()}"
    paths = RunPaths(aside)
    os.mkdir(aside, 0o700)
    try:
        paths.attempts.mkdir()
        counted = _write_events(paths.events(), log, final.name)
        _write_facts(paths, log, {**facts, **counted}, run_id=final.name, name=name, place=place, began=began)
        sync_folder(aside)
        os.rename(aside, final)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _TAKEN:
            return False
        raise
    return True


def _refresh(log: ForeignLog, name: str, place: Place, held: _Held, facts: dict[str, Any]) -> Imported:
    """New events under the old id; run.json is written last, so that a refresh cut short is done again."""
    paths, aside = RunPaths(held.path), held.path / f".events.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    began = _began(log)
    try:
        counted = _write_events(aside, log, held.path.name)
        os.replace(aside, paths.events())
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _write_facts(paths, log, {**facts, **counted}, run_id=held.path.name, name=name, place=place, began=began)
    return Imported("refreshed", held.path, log)


class _Counted:
    """The rows of a log, with a look at them as they pass."""

    def __init__(self, log: ForeignLog) -> None:
        self._log = log
        self.rows = 0
        self.last_step = 0

    def __iter__(self) -> Iterator[ForeignRow]:
        for row in self._log.rows:
            self.rows += 1
            self.last_step = row.step
            yield row


def _write_events(path: Path, log: ForeignLog, run_id: str) -> dict[str, int]:
    """Write all events and an end, durably; what was counted on the way."""
    counted = _Counted(log)
    notes = (f"imported from {_key(log.source)} ({log.format})", *log.notes)
    told = replace(log, rows=counted, notes=notes)
    with open(path, "xb", buffering=_BUFFER) as file:
        file.writelines(event_lines(told, run_id=run_id, unproven=End(REASON, _changed(log))))
        file.flush()
        os.fsync(file.fileno())
    return {"rows": counted.rows, "last_step": counted.last_step}


def _write_facts(
    paths: RunPaths,
    log: ForeignLog,
    facts: dict[str, Any],
    *,
    run_id: str,
    name: str,
    place: Place,
    began: float,
) -> None:
    seed = next((log.told[key] for key in _SEED_NAMES if isinstance(log.told.get(key), int)), None)
    config: dict[str, Any] = {"name": name, "group": place.group, "seed": seed, "params": dict(log.told)}
    if log.monitor is not None:
        config["monitor"] = {"metric": log.monitor, "mode": log.mode}
    launch = {
        "attempt": 1, "created": began, "config": config, "config_source": None, "overrides": [],
        "command": [], "library": False, "imported": facts,
    }  # fmt: skip
    identity = {
        "id": run_id, "name": name, "group": place.group, "created": began, "parent": None, "imported": facts,
    }  # fmt: skip
    write_atomic(paths.attempt(1), encode(launch))
    write_atomic(paths.run_json, encode(identity))


def _began(log: ForeignLog) -> float:
    """When the training began: the log's first time, or when the log was last written."""
    first = next((row.t for row in islice(log.rows, _ROWS_WITH_TIME) if row.t is not None), None)
    return first if first is not None else _changed(log)


def _changed(log: ForeignLog) -> float:
    """Unix seconds of the log's last change."""
    return max(file.changed_ns for file in log.files) / 1e9


def _facts_of(log: ForeignLog, mapping: Mapping[str, str] | None) -> dict[str, Any]:
    """What tells whether an import is still up to date."""
    return {
        "source": _key(log.source), "format": log.format, "mapping": dict(mapping or {}),
        "files": [[_key(file.path), file.size, file.changed_ns] for file in log.files],
        "reader": READER,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Held:
    path: Path
    identity: Mapping[str, Any]
    facts: Mapping[str, Any]


def _imported_before(runs_dir: Path) -> dict[str, _Held]:
    """Runs that an import made, by the source; of several the newest."""
    found: dict[str, _Held] = {}
    for path in find_runs([runs_dir]):
        try:
            identity = read_object(path / "run.json")
        except (OSError, ValueError):
            continue
        facts = identity.get("imported")
        if isinstance(facts, dict) and isinstance(facts.get("source"), str):
            found[_key(Path(facts["source"]))] = _Held(path, identity, facts)
    return found


def _key(source: Path) -> str:
    """The path by which a source is known, however it was spelt."""
    return os.path.realpath(source)


def _sweep(runs_dir: Path) -> None:
    """Remove what imports that were killed have left behind."""
    for aside in runs_dir.glob(f"{_ASIDE}*"):
        try:
            old = time.time() - aside.stat().st_mtime > _ABANDONED_S
        except OSError:
            continue
        if old:
            shutil.rmtree(aside, ignore_errors=True)
