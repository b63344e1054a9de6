"""A clock that is set: writers tell it once, and readers take the jump away."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from guardrun.events import clocks
from guardrun.reading.columns import Batch, ColumnReader
from guardrun.recording.writer import EventWriter
from guardrun.state.fold import RunFold
from guardrun.state.model import Facts
from guardrun.supervising.event_log import EventLog

T0 = 1.7e9
HOUR = 3600.0


def batch(reader: ColumnReader, *events: dict[str, Any]) -> Batch:
    return reader.read(b"".join(json.dumps(event).encode() + b"\n" for event in events))


def header(t: float, booted: float | None, boot: str = "b1", attempt: int = 1) -> dict[str, Any]:
    return {"t": t, "kind": "header", "attempt": attempt, "boot_id": boot, "host": "h", "booted": booted}


def row(t: float, step: int) -> dict[str, Any]:
    return {"t": t, "kind": "metrics", "step": step, "epoch": 0, "train/loss": 1.0}


def clock_set(t: float, booted: float) -> dict[str, Any]:
    return {"t": t, "kind": "note", "text": "the clock was set", "booted": booted}


def times(found: Batch) -> list[float]:
    return [t - T0 for rows in found.rows for t in rows.columns["t"].tolist()]


@pytest.mark.parametrize("jump", [5 * HOUR, -5 * HOUR])
def test_rows_and_events_after_a_jump_keep_the_clock_of_before(jump: float) -> None:
    log = [
        header(T0, T0 - 100), row(T0 + 1, 1), row(T0 + 2, 2), clock_set(T0 + 3 + jump, T0 - 100 + jump),
        row(T0 + 3 + jump, 3), {"t": T0 + 4 + jump, "kind": "phase", "phase": "eval"}, row(T0 + 5 + jump, 4),
    ]  # fmt: skip
    whole = batch(ColumnReader(), *log)
    assert times(whole) == [1, 2, 3, 5]
    assert [event["t"] - T0 for _, event in whole.events] == [0, 3, 4]
    assert whole.events[-1][1]["wall"] == T0 + 4 + jump

    reader = ColumnReader()
    assert [t for event in log for t in times(batch(reader, event))] == [1, 2, 3, 5]


def test_a_log_that_is_taken_up_from_the_cache_still_knows_that_its_clock_was_set() -> None:
    first = batch(ColumnReader(), header(T0, 0.0), row(T0 + 1, 1), clock_set(T0 + HOUR, HOUR))
    later = ColumnReader()
    later.resume_at(first.count, 1, first.events)
    assert times(batch(later, row(T0 + HOUR + 2, 2))) == [2]


def test_another_boot_or_a_log_that_tells_no_boot_has_its_own_clock() -> None:
    reader = ColumnReader()
    batch(reader, header(T0, 0.0), clock_set(T0, HOUR))
    assert times(batch(reader, header(T0 + 9, 50.0, "b2", 2), row(T0 + 10, 1))) == [10]
    assert times(batch(reader, header(T0 + 9, None, "b2", 3), row(T0 + 11, 1))) == [11]


@pytest.mark.parametrize("jump", [5 * HOUR, -5 * HOUR])
def test_elapsed_time_attempts_and_ages_know_no_jump(jump: float) -> None:
    """The supervisor began before the clock was set, the training after it; who looks has the new clock."""
    fold = RunFold()
    fold.add("supervisor", batch(ColumnReader(), header(T0, T0 - 100), {"t": T0, "kind": "run_start"}))
    late = T0 + jump
    fold.add("rank0", batch(ColumnReader(), header(late + 2, T0 - 100 + jump), row(late + 5, 1)))

    here = Facts(trainer="alive", supervisor="alive", boot="b1", booted=T0 - 100 + jump)
    state = fold.state(here, {"config": {"cost": {"per_hour": 3600.0}}}, None, late + 6, "r")
    assert state.elapsed_s == 5.0
    assert state.cost == 5.0
    assert state.last_event_t == late + 5
    assert state.status == "running"

    again = Facts(trainer="alive", boot="b1", booted=T0 - 100 + 2 * jump)
    assert fold.state(again, None, None, late + jump + 6, "r").last_event_t == late + jump + 5
    assert fold.state(again, None, None, late + jump + 6, "r").status == "running"


def test_a_training_that_is_silent_while_the_clock_is_set_is_not_hung() -> None:
    fold = RunFold()
    log = batch(ColumnReader(), header(T0, 0.0), {"t": T0, "kind": "phase", "phase": "train"}, row(T0 + 1, 1))
    fold.add("rank0", log)
    facts = Facts(trainer="alive", boot="b1", booted=5 * HOUR)
    assert fold.state(facts, None, None, T0 + 5 * HOUR + 3, "r").status == "running"
    silent = Facts(trainer="alive", boot="b1", booted=0.0)
    assert fold.state(silent, None, None, T0 + 5 * HOUR + 3, "r").status == "hung"


class Clock:
    """The clock on the wall, which a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wrong_by = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.wrong_by)


@pytest.mark.parametrize("writer", ["training", "supervisor"])
@pytest.mark.parametrize("jump", [5 * HOUR, -5 * HOUR])
def test_a_writer_tells_once_that_the_clock_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str, jump: float
) -> None:
    clock, path = Clock(monkeypatch), tmp_path / "log"
    if writer == "training":
        training = EventWriter(path, {"boot_id": "b1"})
        write = lambda: training.write_ready({**row(time.time(), 1), "seq": 0})  # noqa: E731
    else:
        log = EventLog(path, writer="supervisor", run_id="r", attempt=1)
        write = lambda: log.write("metrics", step=1)  # noqa: E731
    write()
    clock.wrong_by = jump
    write()
    write()

    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [event["kind"] for event in found] == ["header", "metrics", "note", "metrics", "metrics"]
    assert found[2]["text"] == f"the clock was set 5.0 h {'forward' if jump > 0 else 'back'}"
    assert found[2]["booted"] - found[0]["booted"] == pytest.approx(jump, abs=1)
    assert [event["seq"] for event in found] == [0, 1, 2, 3, 4]
    (rows,) = ColumnReader().read(path.read_bytes()).rows
    assert rows.columns["t"][2] - rows.columns["t"][0] < 60


def test_an_event_that_was_stamped_before_the_clock_was_set_stands_before_the_note(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    watch = clocks.ClockWatch()
    stamped = time.time() - 30
    clock.wrong_by = HOUR
    assert watch.was_set(stamped) is None
    assert watch.was_set(time.time()) is not None
    assert watch.was_set(time.time()) is None


def test_values_that_waited_for_their_device_set_no_clock() -> None:
    watch = clocks.ClockWatch()
    assert watch.was_set(time.time() - 30) is None
    assert watch.was_set(time.time()) is None
