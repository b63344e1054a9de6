"""The column cache: never believed for another file, never in the run directory, never fatal."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from guardrun.events.encode import encode
from guardrun.following.log_file import LogFile
from guardrun.reading import column_cache
from guardrun.series.store import SeriesStore


@pytest.fixture(autouse=True)
def _small_logs_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_cache, "CACHE_FROM_BYTES", 1000)


def write(path: Path, steps: range, *, mode: str = "ab", scale: float = 1.0) -> None:
    with open(path, mode) as file:
        if steps.start == 0:
            file.write(encode({"t": 0.0, "seq": 0, "kind": "header", "attempt": 3}))
            file.write(b"torn\n")
        for step in steps:
            kind = "eval" if step % 10 == 9 else "metrics"
            values = {"loss": float("nan") if step == 5 else step * scale, f"{kind}/only": 1.0}
            file.write(
                encode({"t": 1.0 * step, "seq": step, "kind": kind, "step": step, "epoch": 0, **values})
            )


def read(path: Path) -> tuple[SeriesStore, LogFile, list[object], int]:
    """Everything of the file, and the cache filled, as a follower does it."""
    store, file = SeriesStore(), LogFile(path)
    events: list[object] = []
    bad = 0
    while file.changed():
        batch = file.read()
        if batch is None:
            break
        store.add(0, batch)
        events += batch.events
        bad += batch.bad_lines
    file.remember(store.tables(0))
    return store, file, events, bad


def entries() -> list[Path]:
    folder = column_cache.cache_folder()
    return sorted(folder.glob("*.json")) if folder.exists() else []


def test_a_second_opening_is_the_first_without_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    write(path, range(500))
    cold, cold_file, cold_events, cold_bad = read(path)

    monkeypatch.setattr("guardrun.reading.columns.ColumnReader.read", lambda *_: pytest.fail("decoded again"))
    warm, warm_file, warm_events, warm_bad = read(path)

    assert (warm_events, warm_bad, warm_file.tailer.offset) == (
        cold_events,
        cold_bad,
        cold_file.tailer.offset,
    )
    assert warm.names() == cold.names()
    for name in cold.names():
        for field in ("step", "t", "epoch", "value", "attempt"):
            np.testing.assert_array_equal(getattr(warm.get(name), field), getattr(cold.get(name), field))


def test_a_log_that_grew_is_read_on_from_where_the_cache_ends(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, range(500))
    read(path)
    write(path, range(500, 600))

    store, _, _, _ = read(path)

    assert store.get("loss").step.tolist() == list(range(600))
    assert set(store.get("loss").attempt.tolist()) == {3}


@pytest.mark.parametrize("how", ["replaced", "rewritten in place", "truncated"])
def test_another_file_of_that_name_is_never_answered_from_the_cache(tmp_path: Path, how: str) -> None:
    path = tmp_path / "events.jsonl"
    write(path, range(500))
    read(path)
    if how == "replaced":
        write(tmp_path / "new", range(500), scale=2.0)
        os.replace(tmp_path / "new", path)
    elif how == "rewritten in place":
        write(path, range(500), mode="r+b", scale=2.0)
    else:
        write(path, range(200), mode="wb", scale=2.0)

    store, _, _, _ = read(path)

    assert store.get("loss").value[-1] == store.get("loss").step[-1] * 2.0


@pytest.mark.parametrize(
    "damage", ["meta", "array", "empty array", "events", "missing array", "shape", "object array"]
)
def test_a_damaged_cache_is_no_cache(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "events.jsonl"
    write(path, range(500))
    read(path)
    (meta,) = entries()
    (folder,) = [child for child in meta.parent.iterdir() if child.is_dir()]
    if damage == "meta":
        meta.write_bytes(b"{nonsense")
    elif damage == "array":
        (folder / "0.columns.npy").write_bytes(b"\x93NUMPY garbage")
    elif damage == "empty array":
        (folder / "0.columns.npy").write_bytes(b"")
    elif damage == "events":
        (folder / "events").write_bytes(b"1 {nonsense\n")
    elif damage == "missing array":
        (folder / "0.order.npy").unlink()
    elif damage == "shape":
        np.save(folder / "0.order.npy", np.arange(3))
    else:
        np.save(folder / "0.order.npy", np.array([object()] * 3), allow_pickle=True)

    store, _, events, bad = read(path)

    assert store.get("loss").step.tolist() == list(range(500))
    assert (len(events), bad) == (1, 1)


def test_nothing_is_written_into_the_run_directory(tmp_path: Path) -> None:
    path = tmp_path / "run" / "events.jsonl"
    path.parent.mkdir()
    write(path, range(500))

    read(path)

    assert os.listdir(path.parent) == ["events.jsonl"]
    assert entries()


def test_a_cache_that_cannot_be_written_costs_nothing_but_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    path = tmp_path / "events.jsonl"
    write(path, range(500))

    store, _, _, _ = read(path)

    assert len(store.get("loss")) == 500


def test_small_logs_are_not_cached(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, range(3))

    read(path)

    assert entries() == []


def test_old_entries_and_folders_that_nobody_names_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(column_cache, "_MOST_ENTRIES", 2)
    for number in range(4):
        path = tmp_path / f"{number}.jsonl"
        write(path, range(100))
        read(path)
        for entry in entries():
            os.utime(entry, (entry.stat().st_mtime - 100,) * 2)
    abandoned = column_cache.cache_folder() / "0123-abandoned"
    abandoned.mkdir()
    os.utime(abandoned, (1.0, 1.0))
    write(tmp_path / "3.jsonl", range(100, 300))
    read(tmp_path / "3.jsonl")

    folders = [child for child in column_cache.cache_folder().iterdir() if child.is_dir()]
    assert len(entries()) == 2
    assert len(folders) == 2
