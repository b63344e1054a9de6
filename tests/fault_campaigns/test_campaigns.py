"""The campaigns of faults run, and what they check can fail."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from benchmarks import stop_latency
from benchmarks.faults import kills, resumes, stops, supervisor_kills
from benchmarks.faults.campaign import Campaign, Row, Trials, run_campaign, table
from benchmarks.faults.forking import new_run
from benchmarks.faults.resume_training import Kind
from benchmarks.faults.stop_training import Kind as StopKind

from guardrun.following.run_follower import RunFollower
from guardrun.provenance.host import Lease

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.torch


def test_one_command_kills_stops_and_resumes_and_prints_the_table():
    words = [sys.executable, "-m", "benchmarks.faults", "--only", "kill,stop,resume", "--trials", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert [[cell.strip() for cell in row.split("|")[2:5]] for row in rows] == [["1", "0", "0"]] * 3


def log(run, **kinds_of_rank: list[dict]) -> None:
    for rank, found in kinds_of_rank.items():
        text = "".join(json.dumps({"t": 1.0, "seq": 0, **event}) + "\n" for event in found)
        run.events(int(rank.removeprefix("rank"))).write_text(text)


def test_an_event_that_no_reader_finds_is_a_loss(tmp_path: Path):
    run = new_run(tmp_path, {})
    log(run, rank0=[{"kind": "metrics", "step": 1, "count": n} for n in (1.0, 2.0, 4.0)])
    assert kills.lost_events(run, 5) == 2
    assert kills.lost_events(run, 2) == 0


def test_a_run_that_lives_on_is_seen_and_one_that_nobody_stopped_is_told(tmp_path: Path, monkeypatch):
    run = new_run(tmp_path, {})
    monkeypatch.setattr(supervisor_kills, "_WORKERS_S", 0.1)
    monkeypatch.setattr(supervisor_kills, "SEEN_S", 0.1)
    lease = Lease(run.lease("trainer"))
    lease.take(1)  # by this process, which lives
    living = subprocess.Popen(["sleep", "60"])
    try:
        told = supervisor_kills.never_alive(run, RunFollower(run.root))
        assert any("processes live on" in text for text in told)
        assert any("nothing of it lives, and it is shown as starting" in text for text in told)
        assert any("who looked on" in text for text in told)
    finally:
        living.kill()
        living.wait()
        lease.release()
    log(run, rank0=[{"kind": "run_end", "status": "finished", "step": 7}])
    assert "ended so" in supervisor_kills.stopped(run)[0]


def test_ranks_that_leave_at_two_steps_or_without_a_word_are_violations(tmp_path: Path):
    run = new_run(tmp_path, {})
    kind = StopKind(3, 0.0, 0, 0.0, 0.0, 0, False)
    log(run, rank0=[{"kind": "run_end", "status": "stopped", "step": 7}],
        rank1=[{"kind": "run_end", "status": "stopped", "step": 8}])  # fmt: skip
    silent, differ = stops.steps_that_differ(run, kind)
    assert silent == "rank 2 wrote no end"
    assert "ended differently" in differ
    assert stops.not_saved(run, kind) != []


def test_one_bit_of_a_parameter_or_of_an_event_is_a_difference(tmp_path: Path):
    whole, resumed = new_run(tmp_path, {}), new_run(tmp_path, {})
    state = {"model": {"weight": torch.ones(3)}, "generators": [(1, 2)]}
    other = copy.deepcopy(state)
    for run, kept in ((whole, state), (resumed, other)):
        torch.save(kept, run.root / "end.rank0.pt")
        log(run, rank0=[{"kind": "metrics", "step": 1, "train/loss": 0.5}])
    assert resumes.differences(whole, resumed, Kind()) == []
    other["model"]["weight"][2] = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    torch.save(other, resumed.root / "end.rank0.pt")
    log(resumed, rank0=[{"kind": "metrics", "step": 1, "train/loss": 0.5000000001}])
    assert resumes.differences(whole, resumed, Kind()) == [
        "rank 0: end.model.weight", "rank 0: 1 event values, first ('train/loss', 1, 0)",
    ]  # fmt: skip


def test_the_latency_of_a_stop_is_measured_until_every_rank_knows_and_has_left(monkeypatch):
    monkeypatch.setattr(stop_latency, "RANKS", (1, 2))
    monkeypatch.setattr(stop_latency, "STEPS_S", (0.005,))
    monkeypatch.setattr(stop_latency, "TRIALS", 1)
    assert [(result.name, result.aim) for result in stop_latency.measure()] == [
        ("stop, 1 rank: acknowledged", 150.0), ("stop, 1 rank: all left", 150.0),
        ("stop, 2 ranks: acknowledged", 150.0), ("stop, 2 ranks: all left", 150.0),
    ]  # fmt: skip


def test_a_violation_is_printed_and_no_trial_is_no_success():
    def run(row: Row, trials: Trials) -> None:
        for number, chance in trials:
            row.trials += 1
            row.violations += [f"trial {number} drew {chance.random():.3f}"] if number == 1 else []

    row = run_campaign(Campaign("made up", 3, run), 3, 60.0, seed=1)
    again = run_campaign(Campaign("made up", 3, run), 3, 60.0, seed=1)
    assert (row.trials, row.held, row.violations) == (3, False, again.violations)
    assert f"VIOLATION made up: {row.violations[0]}" in table([row])
    assert not run_campaign(Campaign("none", 3, run), 3, -1.0, seed=1).held
