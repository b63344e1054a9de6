"""A foreign log as lines of schema v1: what `guard import` writes and `guard signals` judges."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.errors import UserError
from guardrun.events.schema import is_foreign
from guardrun.reading.columns import ColumnReader
from guardrun.reading.foreign import ForeignLog, ForeignRow, event_lines, read_foreign
from guardrun.reading.foreign.files import _KEPT_ROWS
from guardrun.series.store import SeriesStore
from guardrun.state.fold import RunFold


def log_of(path: Path, text: str) -> ForeignLog:
    path.write_text(text)
    (log,) = read_foreign(path)
    return log


def events_of(log: ForeignLog) -> list[dict[str, Any]]:
    return [json.loads(line) for line in event_lines(log)]


def store_of(log: ForeignLog) -> SeriesStore:
    store = SeriesStore()
    store.add(0, ColumnReader().read(b"".join(event_lines(log))))
    return store


def test_the_beginning_says_what_is_known(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.csv", "step,loss,val_loss\n1,0.5,\n2,0.25,0.75\n")
    header, start, note, *rows = events_of(log)
    assert is_foreign(header)
    assert (header["schema"], header["writer"], header["logs"]) == (1, "rank0", str(tmp_path / "log.csv"))
    assert "pid" not in header
    assert (start["kind"], start["monitor"], start["mode"]) == ("run_start", "val/loss", "min")
    assert (start["format"], start["train_loss"]) == ("CSV", "running")
    assert note["renamed"] == {"loss": "train/loss", "val_loss": "val/loss"}
    assert [row["kind"] for row in rows] == ["metrics", "metrics", "eval"]
    assert [event["seq"] for event in (header, start, note, *rows)] == list(range(6))
    assert all("t" not in row for row in rows)


def test_the_curves_come_out_as_they_went_in(tmp_path: Path) -> None:
    text = "step,epoch,loss,val_loss,grad_norm\n1,0,0.5,,nan\n2,0,inf,0.75,1\n3,1,-inf,nan,2\n"
    store = store_of(log_of(tmp_path / "log.csv", text))
    assert store.get("train/loss").value.tolist() == [0.5, math.inf, -math.inf]
    assert store.get("val/loss").step.tolist() == [2, 3]
    assert math.isnan(store.get("val/loss").value[1])
    assert store.get("grad_norm").epoch.tolist() == [0, 0, 1]


def test_times_of_the_log_are_the_events_times(tmp_path: Path) -> None:
    rows = "".join(f'{{"_step": {n}, "_timestamp": {1.7e9 + n}, "loss": 1.0}}\n' for n in range(3))
    assert store_of(log_of(tmp_path / "log", rows)).get("train/loss").t.tolist() == [
        1.7e9,
        1.7e9 + 1,
        1.7e9 + 2,
    ]


def test_a_training_that_was_started_again_is_a_new_attempt(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.csv", "step,loss\n" + "".join(f"{n},1\n" for n in (1, 2, 3, 2, 3, 4)))
    events = events_of(log)
    (resume,) = (event for event in events if event["kind"] == "resume")
    assert (resume["attempt"], resume["step"], resume["exact"]) == (2, 2, False)
    assert store_of(log).get("train/loss").attempt.tolist() == [1, 1, 1, 2, 2, 2]


def test_rows_of_different_curves_need_not_come_in_order(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.csv", "step,loss,val_loss\n10,1,\n20,1,\n15,,1\n30,1,\n25,,1\n")
    assert "resume" not in {event["kind"] for event in events_of(log)}


def test_an_end_is_written_only_where_the_log_proves_one(tmp_path: Path) -> None:
    done = log_of(
        tmp_path / "done", "step:1/2 train_loss:2.0 train_time:1ms\nstep:2/2 val_loss:2.0 train_time:1ms\n"
    )
    assert events_of(done)[-1] == {
        "seq": 4, "kind": "run_end", "status": "finished", "reason": "completed", "step": 2, "attempt": 1,
    }  # fmt: skip
    cut = log_of(tmp_path / "cut", "step:1/2 train_loss:2.0 train_time:1ms\n")
    assert events_of(cut)[-1]["kind"] == "metrics"


def test_the_fold_of_any_part_of_guard_understands_it(tmp_path: Path) -> None:
    fold = RunFold()
    log = log_of(
        tmp_path / "log",
        " iteration 10/ 50 | lm loss: 9.5E+00 | loss scale: 1.0 |\n",
    )
    fold.add("rank0", ColumnReader().read(b"".join(event_lines(log))))
    assert not fold.speaks
    assert fold.monitor_of({}) is None


def test_a_long_log_is_read_again_with_each_walk_and_a_short_one_kept(tmp_path: Path) -> None:
    count = _KEPT_ROWS + 10
    path = tmp_path / "long.csv"
    log = log_of(path, "step,loss\n" + "".join(f"{n},1\n" for n in range(count)))
    assert not isinstance(log.rows, list)
    for _ in range(2):
        assert sum(1 for _ in log.rows) == count
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        list(log.rows)
    log = log_of(path, "step,loss\n1,1\n")
    path.unlink()
    assert len(list(log.rows)) == 1


NAMES = st.text(max_size=8) | st.sampled_from(["t", "seq", "kind", "step", "epoch", "self", "loss", "\ud800"])
VALUES = st.dictionaries(NAMES, st.floats(), min_size=1, max_size=4)
KINDS, STEPS, EPOCHS = (
    st.sampled_from(["metrics", "eval"]),
    st.integers(0, 2**53),
    st.none() | st.integers(0, 9),
)
TIMES = st.none() | st.floats(1e9, 2e9)
ROWS = st.lists(st.builds(ForeignRow, KINDS, STEPS, EPOCHS, TIMES, VALUES), max_size=20)


@settings(deadline=None)
@given(ROWS)
def test_whatever_the_rows_hold_every_line_is_an_event(rows: list[ForeignRow]) -> None:
    log = ForeignLog(name="x", source=Path("x"), format="x", rows=rows)
    events = events_of(log)
    assert [event["seq"] for event in events] == list(range(len(events)))
    told = [event for event in events if event["kind"] in ("metrics", "eval")]
    assert [(event["kind"], event["step"]) for event in told] == [(row.kind, row.step) for row in rows]
    batch = ColumnReader().read(b"".join(event_lines(log)))
    assert (batch.count, batch.bad_lines) == (len(rows), 0)
