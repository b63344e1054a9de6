"""The recorded runs are what their names say, whole, and never look alive."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from guardrun.events.decode import decode
from guardrun.following.run_follower import RunFollower
from guardrun.reading.discovery import find_runs
from guardrun.state.model import RunState, Status

RECORDED = Path(__file__).parents[2] / "sample_runs" / "recorded"
EXPECTED = {
    "healthy": Status.FINISHED,
    "overfitting": Status.STOPPED,
    "exploding": Status.ABORTED,
    "nan": Status.ABORTED,
    "stagnating": Status.FINISHED,
    "stopped": Status.STOPPED,
    "crashed": Status.FAILED,
    "killed": Status.KILLED,
    "resumed": Status.FINISHED,
    "spiking": Status.FINISHED,
    "half-precision": Status.FINISHED,
    "out-of-memory": Status.FAILED,
    "leaking": Status.KILLED,
    "straggling": Status.FINISHED,
    "hung": Status.ABORTED,
}


def folder(name: str) -> Path:
    (found,) = RECORDED.glob(f"*_{name}_????")
    return found


def state_of(path: Path) -> RunState:
    follower = RunFollower(path)
    try:
        while not follower.caught_up:
            follower.poll()
        return follower.state()
    finally:
        follower.close()


def signals_of(name: str) -> list[tuple[str, str]]:
    return [(s.id, s.severity) for s in state_of(folder(name)).signals]


def test_every_recorded_run_is_found_below_the_samples():
    found = {path.name for path in find_runs([RECORDED.parent])}
    assert found == {folder(name).name for name in EXPECTED}


@pytest.mark.parametrize(("name", "status"), EXPECTED.items())
def test_a_fresh_copy_has_the_status_its_name_says_and_never_looks_live(
    name: str, status: Status, tmp_path: Path
):
    """A clone gives every file the time of its own making; only what the run says of itself may count."""
    copy = Path(shutil.copytree(folder(name), tmp_path / "copy", symlinks=True, copy_function=shutil.copy))
    state = state_of(copy)
    assert state.status is status
    assert not state.status.live
    assert state.name == name
    assert state.bad_lines == 0


@pytest.mark.parametrize("name", EXPECTED)
def test_no_trace_of_the_recording_machine_is_left(name: str):
    for path in folder(name).rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl", ".log", ".yaml"):
            text = path.read_text()
            for trace in ("/work", "/root", "/home/", "site-packages/guardrun"):
                assert trace not in text, f"{path}: {trace}"
    assert not (folder(name) / "leases").exists()


@pytest.mark.parametrize("name", EXPECTED)
def test_checkpoints_hold_the_bytes_that_their_hashes_promise(name: str):
    checkpoints = folder(name) / "checkpoints"
    for meta_file in checkpoints.glob("step-*/meta.json"):
        for part in json.loads(meta_file.read_bytes())["files"]:
            assert (
                hashlib.sha256((meta_file.parent / part["path"]).read_bytes()).hexdigest() == part["sha256"]
            )
    for pointer in checkpoints.glob("*.json"):
        named = json.loads(pointer.read_bytes())
        meta = (checkpoints / named["folder"] / "meta.json").read_bytes()
        assert hashlib.sha256(meta).hexdigest() == named["meta_sha256"]
        assert os.readlink(pointer.with_suffix("")) == named["folder"]


def test_all_of_them_together_weigh_a_few_megabytes():
    assert sum(p.stat().st_size for p in RECORDED.rglob("*") if p.is_file() and not p.is_symlink()) < 5e6


def test_healthy_learns_and_raises_nothing():
    state = state_of(folder("healthy"))
    assert state.signals == ()
    assert state.monitor is not None
    assert state.monitor.best is not None
    assert state.monitor.best < 0.5
    assert state.best is not None
    assert state.best.verified


def test_overfitting_was_stopped_for_overfitting_and_kept_its_best():
    state = state_of(folder("overfitting"))
    assert ("overfit", "act") in signals_of("overfitting")
    assert state.best is not None
    assert state.best.verified
    assert state.best.step < state.step


@pytest.mark.parametrize(
    ("name", "rule"), [("exploding", "loss_explosion"), ("nan", "nan"), ("hung", "hang")]
)
def test_what_the_policy_aborted_was_aborted_for_its_own_reason(name: str, rule: str):
    state = state_of(folder(name))
    assert state.reason == f"abort:{rule}"
    assert (rule, "act") in signals_of(name)


def test_the_best_checkpoint_of_nan_is_from_before_the_nan():
    state = state_of(folder("nan"))
    (first,) = {s.first_step for s in state.signals if s.id == "nan" and s.severity == "act"}
    assert state.best is not None
    assert state.best.verified
    assert state.best.step < first


def test_stagnating_learnt_nothing():
    monitor = state_of(folder("stagnating")).monitor
    assert monitor is not None
    assert monitor.best is not None
    assert monitor.best > 2.0  # chance level is ln 10 = 2.30


def test_stopped_shows_every_stage_of_a_safe_stop():
    stages = [stage.stage for stage in state_of(folder("stopped")).stop]
    for stage in ("requested", "acknowledged", "saving", "saved", "verified", "ended", "gone"):
        assert stage in stages


def test_crashed_tells_the_exception():
    state = state_of(folder("crashed"))
    assert state.exit_code == 1
    assert "Expected more than 1 value per channel" in (folder("crashed") / "console.log").read_text()


def test_resumed_has_two_attempts_and_repeats_no_more_than_was_lost():
    state = state_of(folder("resumed"))
    assert [a.number for a in state.attempts] == [1, 2]
    lines = (folder("resumed") / "events.jsonl").read_bytes().splitlines()
    (resume,) = [e for e in map(decode, lines) if e and e["kind"] == "resume"]
    assert resume["step"] == state.attempts[1].from_step > 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("spiking", ("loss_spike", "info")),
        ("half-precision", ("loss_scale", "warn")),
        ("out-of-memory", ("out_of_memory", "warn")),
        ("straggling", ("straggler", "warn")),
    ],
)
def test_a_fault_is_told_by_its_own_signal_and_by_no_other(name: str, expected: tuple[str, str]):
    assert set(signals_of(name)) == {expected}


def test_leaking_was_foretold_by_its_growth_before_the_kernel_killed_it():
    state = state_of(folder("leaking"))
    first = {s.id: s.raised_at for s in reversed(state.signals)}
    assert first["memory_growth"] < first["memory_near_limit"] <= first["out_of_memory"] == state.step
    assert "out of memory: the kernel killed" in state.reason
    growth = next(s for s in state.signals if s.id == "memory_growth")
    assert growth.evidence["run_seconds_left"] > growth.evidence["seconds_left"]


def test_hung_was_silent_for_five_minutes_before_the_policy_took_it_by_force():
    """Both ranks stand behind the same step; every rung up to SIGKILL was needed, and the best is whole."""
    state = state_of(folder("hung"))
    (hang,) = [s for s in state.signals if s.id == "hang"]
    assert hang.evidence["value"] >= hang.evidence["threshold"] == 300
    for file in ("events.jsonl", "events.rank1.jsonl"):
        lines = (folder("hung") / file).read_bytes().splitlines()
        assert [e for e in map(decode, lines) if e and e["kind"] == "metrics"][-1]["step"] == 99
    stages = [stage.stage for stage in state.stop]
    assert stages.index("SIGINT") < stages.index("SIGTERM") < stages.index("SIGKILL") < stages.index("gone")
    assert state.best is not None
    assert state.best.verified


def test_half_precision_has_a_finite_loss_while_its_scale_falls_to_nothing():
    lines = (folder("half-precision") / "events.jsonl").read_bytes().splitlines()
    rows = [e for e in map(decode, lines) if e and e["kind"] == "metrics"]
    assert all(type(row["train/loss"]) is float for row in rows)
    assert rows[0]["loss_scale"] == 65536 > 1 > rows[-1]["loss_scale"]
