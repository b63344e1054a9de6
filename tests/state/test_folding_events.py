"""Events of all files fold into one state, in any order between files, whatever they hold."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.events.encode import encode
from guardrun.events.schema import KINDS
from guardrun.reading.columns import Batch, ColumnReader
from guardrun.state.fold import LOST_END, RunFold
from guardrun.state.model import Facts, RunState, Status

T0 = 1_000_000.0


class Log:
    """One file of a run: gives batches, with times of its own."""

    def __init__(self, t: float = T0) -> None:
        self.t = t
        self._reader = ColumnReader()

    def batch(self, *events: dict[str, Any]) -> Batch:
        made = []
        for event in events:
            self.t = event.get("t", self.t + 1.0)
            made.append({"t": self.t, **event})
        return self._reader.read(b"".join(map(encode, made)))


def metrics(step: int, **values: Any) -> dict[str, Any]:
    return {"kind": "metrics", "step": step, "epoch": step // 10, **values}


def header(attempt: int = 1, **values: Any) -> dict[str, Any]:
    return {"kind": "header", "attempt": attempt, "rank": 0, "world_size": 1, "host": "node", **values}


def state(fold: RunFold, facts: Facts | None = None, now: float = T0 + 100, **values: Any) -> RunState:
    launch, identity = values.pop("launch", None), values.pop("identity", None)
    return fold.state(facts or Facts(trainer="alive"), launch, identity, now, "runs/x", **values)


def test_an_empty_run_has_a_state() -> None:
    shown = state(RunFold(), Facts())

    assert (shown.run_id, shown.status, shown.step, shown.attempt) == ("x", Status.STARTING, 0, 1)
    assert shown.signals == ()


def test_progress_monitor_and_totals_come_from_the_training() -> None:
    fold, log = RunFold(), Log()
    fold.add("rank0", log.batch(header(), {"kind": "run_start", "monitor": "val/acc", "mode": "max"}))
    fold.add(
        "rank0", log.batch({"kind": "phase", "phase": "train", "total_epochs": 5, "steps_per_epoch": 20})
    )
    for step in range(1, 41):
        fold.add("rank0", log.batch(metrics(step, loss=1.0)))
        if step % 10 == 0:
            fold.add(
                "rank0",
                log.batch(
                    {"kind": "eval", "step": step, "epoch": 0, "val/acc": [0, 0.5, 0.9, 0.7, 0.8][step // 10]}
                ),
            )

    shown = state(fold)

    assert (shown.step, shown.epoch, shown.total_steps, shown.total_epochs) == (40, 0, 100, 5)
    assert shown.monitor is not None
    assert (shown.monitor.best, shown.monitor.best_step, shown.monitor.last) == (0.9, 20, 0.8)
    assert shown.status is Status.RUNNING
    assert shown.step_rate == pytest.approx(39 / (39 + 3))
    assert shown.eta_s == pytest.approx(60 * 42 / 39)


def test_a_nan_is_the_newest_value_but_never_the_best() -> None:
    fold, log = RunFold(), Log()
    fold.add("rank0", log.batch(header(), {"kind": "run_start", "monitor": "val/loss"}))
    for step, value in enumerate((0.5, 0.3, -math.inf, math.nan)):
        fold.add("rank0", log.batch({"kind": "eval", "step": step, "val/loss": value}))

    monitor = state(fold).monitor

    assert monitor is not None
    assert (monitor.best, monitor.best_step) == (0.3, 1)
    assert monitor.last is not None
    assert math.isnan(monitor.last)


def test_the_monitor_of_the_launch_counts_until_the_training_tells_its_own() -> None:
    launch = {"attempt": 1, "config": {"monitor": {"metric": "val/f1", "mode": "max"}}}
    monitor = state(RunFold(), launch=launch).monitor

    assert monitor is not None
    assert (monitor.name, monitor.mode, monitor.last) == ("val/f1", "max", None)


def test_many_rows_at_once_fold_as_one_by_one() -> None:
    rows = [metrics(n, loss=math.sin(n), lr=math.nan if n % 3 else 0.1) for n in range(1, 800)]
    single, whole, log = RunFold(), RunFold(), Log()
    for row in rows:
        single.add("rank0", log.batch(row))
    whole.add("rank0", Log().batch(*rows))
    launch = {"config": {"monitor": {"metric": "loss"}}}

    assert state(single, launch=launch) == state(whole, launch=launch)


def test_a_resume_reopens_a_run_that_had_ended_and_steps_back() -> None:
    fold, rank0, supervisor = RunFold(), Log(), Log(T0)
    fold.add(
        "rank0",
        rank0.batch(
            header(),
            *(metrics(n) for n in range(1, 31)),
            {"kind": "run_end", "status": "stopped", "reason": "stop:cli", "step": 30},
        ),
    )
    fold.add(
        "supervisor",
        supervisor.batch(header(), {"kind": "run_end", "status": "stopped", "exit_code": 0, "attempt": 1}),
    )
    assert state(fold, Facts()).status is Status.STOPPED

    fold.add("supervisor", Log(T0 + 500).batch(header(2), {"kind": "run_start", "attempt": 2}))
    reopened = state(fold, Facts(supervisor="alive"), now=T0 + 502)
    assert (reopened.status, reopened.attempt, reopened.exit_code, reopened.step) == (
        Status.STARTING,
        2,
        None,
        30,
    )

    later = Log(T0 + 510)
    fold.add(
        "rank0",
        later.batch(
            header(2), {"kind": "resume", "attempt": 2, "step": 20, "from": "checkpoints/step-20-a1"}
        ),
    )
    assert state(fold, now=T0 + 512).step == 20
    fold.add("rank0", rank0.batch({**header(2), "t": T0 + 513}, {**metrics(21), "t": T0 + 514}))
    resumed = state(fold, now=T0 + 515)

    assert (resumed.status, resumed.step, resumed.attempt) == (Status.RUNNING, 21, 2)
    assert [(a.number, a.from_step, a.status) for a in resumed.attempts] == [(1, 0, "stopped"), (2, 20, None)]


def test_a_launch_that_no_file_tells_of_yet_counts_as_an_attempt() -> None:
    fold = RunFold()
    fold.add("rank0", Log().batch(header(), metrics(1), {"kind": "run_end", "status": "failed"}))

    shown = state(fold, Facts(), launch={"attempt": 2, "created": T0 + 90})

    assert (shown.status, shown.attempt) == (Status.STARTING, 2)


def test_elapsed_time_and_cost_leave_out_the_night_between_attempts() -> None:
    fold, log = RunFold(), Log()
    fold.add("rank0", log.batch({**header(), "t": T0}, {**metrics(1), "t": T0 + 1800}))
    fold.add("rank0", log.batch({**header(2), "t": T0 + 90_000}, {**metrics(2), "t": T0 + 91_800}))
    fold.add(
        "supervisor",
        Log(T0).batch(
            {**header(), "t": T0},
            {"kind": "run_start", "t": T0 + 1, "attempt": 1, "cost_per_hour": 2.5, "currency": "USD"},
        ),
    )

    shown = state(fold)

    assert shown.elapsed_s == 3600
    assert (shown.cost, shown.currency) == (2.5, "USD")


def test_checkpoints_carry_their_proof_and_pointers_on_disk_outrank_lost_events() -> None:
    fold = RunFold()
    event = {
        "kind": "checkpoint",
        "step": 10,
        "path": "checkpoints/step-10-a1",
        "roles": ["best", "last"],
        "metric": 0.5,
        "meta_sha256": "ab",
        "bytes": 7,
    }
    fold.add("rank0", Log().batch(header(), event))
    proof = {"kind": "checkpoint", "role": "best", "path": "checkpoints/step-10-a1", "verified": True}
    damage = {
        "kind": "checkpoint",
        "role": "last",
        "path": "checkpoints/step-10-a1",
        "verified": False,
        "problem": "hash",
    }
    fold.add("supervisor", Log().batch(header(), proof, damage))

    shown = state(fold)
    assert shown.best is not None
    assert shown.last is not None
    assert (shown.best.verified, shown.best.metric, shown.best.sha256, shown.best.bytes) == (
        True,
        0.5,
        "ab",
        7,
    )
    assert (shown.last.verified, shown.last.problem) == (False, "hash")

    newer = {"folder": "step-20-a1", "step": 20, "metric": None, "meta_sha256": "cd"}
    moved = state(fold, pointers={"last": newer, "best": {"folder": "step-10-a1", "step": 10}})
    assert moved.last is not None
    assert moved.best is not None
    assert (moved.last.path, moved.last.step, moved.last.verified) == ("checkpoints/step-20-a1", 20, None)
    assert moved.best.bytes == 7


def test_a_pointer_that_went_back_to_an_earlier_checkpoint_is_told_with_all_that_is_known_of_it() -> None:
    fold = RunFold()
    each = {"kind": "checkpoint", "roles": ["last"], "bytes": 7}
    first = {**each, "path": "checkpoints/step-10-a1", "step": 10, "meta_sha256": "ab", "own": "/x/best"}
    backup = {**each, "path": "checkpoints/step-10-a1-2", "step": 10, "meta_sha256": "cd", "own": "/x/backup"}
    fold.add("rank0", Log().batch(header(), first, backup))

    back = {"folder": "step-10-a1", "step": 10, "metric": None, "meta_sha256": "ab"}
    last = state(fold, pointers={"last": back}).last
    assert last is not None
    assert (last.path, last.own, last.bytes) == ("checkpoints/step-10-a1", "/x/best", 7)
    other = state(fold, pointers={"last": {**back, "meta_sha256": "ef"}}).last  # not the one that was told of
    assert other is not None
    assert (other.sha256, other.own, other.bytes) == ("ef", "", None)


def test_stages_of_a_stop_are_the_supervisors_and_an_offer_stands_until_something_happens() -> None:
    fold, log = RunFold(), Log()

    def stage(name: str, text: str = "") -> None:
        fold.add(
            "supervisor",
            log.batch({"kind": "phase", "phase": "stop", "stage": name, "text": text, "id": "1"}),
        )

    fold.add("rank0", Log().batch(header(), {"kind": "phase", "phase": "train"}, metrics(1)))
    stage("requested", "by cli")
    stage("offer", "no progress for 60 s; ask again for SIGTERM")
    waiting = state(fold)
    stage("SIGTERM")
    climbed = state(fold)
    stage("gone")

    assert (waiting.status, waiting.stop_offer) == (Status.STOPPING, "SIGTERM")
    assert (climbed.status, climbed.stop_offer) == (Status.STOPPING, "")
    assert [s.stage for s in state(fold).stop] == ["requested", "offer", "SIGTERM", "gone"]


def test_without_a_supervisor_the_trainings_answers_are_the_stages() -> None:
    fold, log = RunFold(), Log()
    fold.add(
        "rank0", log.batch(header(), metrics(1), {"kind": "ack", "command": "stop", "rank": 0, "via": "cli"})
    )
    assert [s.stage for s in state(fold).stop] == ["acknowledged"]
    assert state(fold).status is Status.STOPPING

    saved = {"kind": "checkpoint", "step": 1, "path": "checkpoints/step-1-a1", "roles": ["last"]}
    fold.add("rank0", log.batch(saved, {"kind": "run_end", "status": "stopped", "reason": "stop:cli"}))

    assert [s.stage for s in state(fold).stop] == ["acknowledged", "saved", "ended"]
    assert state(fold).status is Status.STOPPED


def test_what_only_training_knows_is_kept() -> None:
    fold = RunFold()
    fold.add("rank0", Log().batch(
        header(world_size=2), {"kind": "env", "torch": "2.9", "gpus": ["H100"]},
        {"kind": "seeds", "seed": 7, "torch": 7},
        {"kind": "data", "name": "train", "count": 10}, {"kind": "data", "name": "val", "count": 5},
        {"kind": "note", "text": "no model is tracked", "can_save": False, "dropped": 4},
        {"kind": "note", "text": "", "renamed": {"loss": "train/loss"}},
    ))  # fmt: skip
    fold.add("rank1", Log().batch(header(rank=1)))

    shown = state(
        fold,
        launch={
            "environment": {"python": "3.12", "torch": "?"},
            "git": {"commit": "abc"},
            "command": ["python", "x.py"],
        },
    )

    assert shown.env == {"python": "3.12", "torch": "2.9", "gpus": ["H100"]}
    assert shown.seeds == {"seed": 7, "torch": 7}
    assert [d["name"] for d in shown.data] == ["train", "val"]
    assert (shown.can_save, shown.dropped_events, shown.ranks, shown.host) == (False, 4, 2, "node")
    assert "loss is stored as train/loss" in shown.notes
    assert (shown.git, shown.command) == ({"commit": "abc"}, ("python", "x.py"))


def test_a_file_that_starts_again_is_forgotten_first() -> None:
    fold, log = RunFold(), Log()
    fold.add("rank0", log.batch(header(), metrics(500), {"kind": "run_end", "status": "failed"}))
    fold.restart("rank0")
    fold.add("rank0", Log().batch(header(), metrics(3)))

    assert (state(fold).step, state(fold).status) == (3, Status.RUNNING)


GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["stop", "requested", "NaN", "best", "train", "finished", "max"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
KEYS = st.sampled_from(
    ["t", "seq", "step", "epoch", "attempt", "rank", "world_size", "host", "monitor", "mode", "phase",
     "stage", "total_steps", "total_epochs", "steps_per_epoch", "path", "role", "roles", "metric",
     "meta_sha256", "bytes", "verified", "problem", "status", "reason", "exit_code", "error",
     "can_save", "renamed", "text", "dropped", "id", "command", "via", "from", "cost_per_hour",
     "currency", "name", "gpu_note", "pid", "pid_start", "boot_id", "severity", "state", "raised_at",
     "evidence", "loss"]
)  # fmt: skip
ANYTHING = st.tuples(
    st.sampled_from(["rank0", "rank1", "supervisor", "system"]),
    st.builds(
        lambda kind, values: {**values, "kind": kind},
        st.sampled_from(sorted(KINDS)) | st.text(max_size=5),
        st.dictionaries(KEYS, GARBAGE, max_size=8),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ANYTHING, max_size=20), GARBAGE, GARBAGE, GARBAGE)
def test_no_sequence_of_events_makes_it_raise(
    events: list[tuple[str, dict[str, Any]]], launch: Any, identity: Any, pointers: Any
) -> None:
    """Values of any type under any key, in any order: there is always a state."""
    fold = RunFold()
    readers: dict[str, ColumnReader] = {}
    for source, event in events:
        fold.add(source, readers.setdefault(source, ColumnReader()).read(encode(event)))
        shown = fold.state(
            Facts(), launch, identity, T0, "runs/x", pointers={"best": pointers, "last": launch}
        )
        assert isinstance(shown.status, Status)
        assert shown.step >= 0
        fold.processes(shown.attempt)
        hash((shown.name, shown.reason, shown.notes))


def test_a_stop_of_a_former_attempt_does_not_stop_the_next_one_however_much_is_read_at_once() -> None:
    """A viewer that opens a resumed run reads both attempts as one batch: the first one's answer to a stop
    must not look like a stop of the second (`guard stop` would wait for it and ask for nothing)."""
    told = [
        header(1, t=T0), metrics(10, loss=0.1), {"kind": "note", "can_save": False, "text": "x"},
        {"kind": "ack", "command": "stop", "via": "sigterm", "rank": 0}, {"kind": "phase", "phase": "stop"},
        {"kind": "run_end", "status": "stopped", "reason": "stop:sigterm", "attempt": 1, "t": T0 + 10},
        header(2, t=T0 + 1000), metrics(11, loss=0.1), metrics(12, loss=0.1, t=T0 + 1010),
    ]  # fmt: skip
    fold = RunFold()
    fold.add("rank0", Log().batch(*told))
    shown = state(fold, now=T0 + 1010)

    assert (shown.status, shown.attempt, shown.stop) == (Status.RUNNING, 2, ())
    assert (shown.phase, shown.can_save) == ("", True)
    assert shown.elapsed_s == pytest.approx(20)


@pytest.mark.parametrize("told", [True, False])
def test_a_run_whose_end_only_the_supervisor_saw_says_that_events_are_missing(told: bool) -> None:
    """A disk that is full to the last byte loses the training's last events, and the count of them, too."""
    end = {"kind": "run_end", "status": "finished", "reason": "completed", "attempt": 1}
    fold = RunFold()
    fold.add("rank0", Log().batch(header(), metrics(66, loss=1.0), *([end] if told else [])))
    fold.add("supervisor", Log().batch(header(), {**end, "exit_code": 0, "guard_exit": 0}))
    shown = state(fold, Facts())

    assert shown.status is Status.FINISHED
    assert (LOST_END in shown.notes) is not told
