"""What a run keeps of its data for later runs: the record, and a hash of each example."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from guardrun.events.untrusted import read_bounded, read_object

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths

EXAMPLES_KEPT = 2_000_000
"""Of larger data sets no hashes of examples are kept: 16 MB is enough."""
RECORD_BYTES = 8 * 1024 * 1024
RUNS_TRIED = 100
"""So many earlier runs are looked at for one with the same data set."""


class Earlier(NamedTuple):
    """Where an earlier record of a data set lies."""

    folder: Path
    source: str
    """In words."""
    same_run: bool


def keep(paths: RunPaths, name: str, record: dict[str, Any], hashes: Any) -> None:
    """Write what later runs compare with. Raises OSError."""
    from guardrun.events.atomic import write_atomic
    from guardrun.events.encode import encode

    paths.data.mkdir(exist_ok=True)
    file = paths.data / _file(name)
    write_atomic(file.with_name(file.name + ".json"), encode(record), sync=False)
    if hashes is not None and len(hashes) <= EXAMPLES_KEPT:
        import numpy as np

        write_atomic(file.with_name(file.name + ".u64"), np.sort(hashes).tobytes(), sync=False)


def earlier(paths: RunPaths, name: str, attempt: int, parent: str | None) -> Earlier | None:
    """The same data set in the first attempt, in the run that is repeated, or in the last of this name."""
    file = _file(name) + ".json"
    if attempt > 1 and (paths.data / file).is_file():
        return Earlier(paths.data, "the first attempt", same_run=True)
    runs = paths.root.parent
    for run in ([parent] if parent else []) + _earlier_runs(runs, paths.root.name):
        folder = runs / run / "data"
        if (folder / file).is_file():
            return Earlier(folder, run, same_run=False)
    return None


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """The record as it was kept; None for one that is damaged."""
    try:
        return read_object(folder / (_file(name) + ".json"), RECORD_BYTES)
    except (OSError, ValueError):
        return None


def read_examples(folder: Path) -> dict[str, Any]:
    """Name -> hashes of the examples of each data set that a run kept."""
    import numpy as np

    found: dict[str, Any] = {}
    for file in sorted(folder.glob("*.u64")):
        record = _name_in(file.with_suffix(".json"))
        try:
            data = b"" if record is None else read_bounded(file, 8 * EXAMPLES_KEPT)
        except OSError:
            continue
        if record is not None:
            found[record] = np.frombuffer(data[: len(data) // 8 * 8], dtype=np.uint64)
    return found


def _name_in(file: Path) -> str | None:
    try:
        return str(read_object(file, RECORD_BYTES)["name"])
    except (OSError, ValueError, KeyError):
        return None


def _file(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E")[:100] or "%00"


def _earlier_runs(runs: Path, own: str) -> list[str]:
    """Runs of the same name, the latest first; those of one second by when their data was recorded."""
    with os.scandir(runs) as entries:
        names = [entry.name for entry in entries]
    mine, now = _name_of(own), _time_of(own)
    found = [name for name in names if name != own and _name_of(name) == mine and _time_of(name) <= now]
    latest = sorted(found, key=_time_of, reverse=True)[:RUNS_TRIED]
    return sorted(latest, key=lambda name: (_time_of(name), _recorded(runs / name)), reverse=True)


def _recorded(run: Path) -> int:
    try:
        return (run / "data").stat().st_mtime_ns
    except OSError:
        return 0


def _time_of(run_id: str) -> str:
    return "_".join(run_id.split("_")[:2])


def _name_of(run_id: str) -> str:
    return "_".join(run_id.split("_")[2:-1])
