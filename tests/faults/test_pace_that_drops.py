"""Trainings that are slow for a reason: the right reason is told, and what hangs can be ended."""

from __future__ import annotations

from statistics import median

import pytest

from guard_process import events, guard, processes_of, show, wait_for_step
from waiting import wait_for

pytestmark = [pytest.mark.torch, pytest.mark.campaign]

SECONDS_A_BATCH = "params.wait=0.25"
"""50 points are to span the ten seconds below which nobody is told of a wait."""


def test_a_loader_and_a_rank_that_wait_for_their_data_are_told_as_what_they_are(start) -> None:
    short = ["params.train_images=320", "params.epochs=5", "params.lr=0.1", SECONDS_A_BATCH]
    two_ranks = ["launcher=torchrun", "nproc_per_node=2"]
    trainings = [
        start("params.fault=slow_loader", *short),
        start("params.fault=straggler", *short, *two_ranks),
    ]
    loader, ranks = (training.ended() for training in trainings)

    assert (loader.code, ranks.code) == (0, 0), loader.said + ranks.said
    assert median(row["data_time"] / row["step_time"] for row in loader.rows()) > 0.8
    waits = [median(row["data_time"] for row in ranks.rows(rank)) for rank in (0, 1)]
    assert waits[1] > 0.2 > 10 * waits[0]

    (bottleneck,) = loader.raised("data_bottleneck")
    assert bottleneck["severity"] == "warn"
    assert bottleneck["evidence"]["value"] > 0.8
    assert "waiting for data" in bottleneck["message"]
    assert loader.raised("straggler") == []
    (straggler,) = ranks.raised("straggler")
    assert straggler["evidence"]["rank"] == 1
    assert "Rank 1 waits for its data" in straggler["message"]
    assert ranks.raised("data_bottleneck") == []
    assert loader.alarms() == ranks.alarms() == set()


def test_steps_that_take_twice_as_long_from_a_third_of_the_run_on_are_told(train) -> None:
    trained = train(
        "params.fault=slowdown", "params.at=55", "params.pace=0.05", "params.train_images=1180",
        "params.epochs=5",
    )  # fmt: skip

    paces = [row["samples_per_s"] for row in trained.rows()]
    assert 0.35 < median(paces[60:]) / median(paces[:50]) < 0.65
    (signal,) = trained.raised("throughput_drop")
    assert signal["severity"] == "warn"
    assert signal["first_step"] <= 90
    assert 1.6 < signal["evidence"]["slower"] < 2.8
    assert (trained.code, trained.alarms()) == (0, set())


def test_two_ranks_of_which_one_hangs_are_ended_by_force_with_their_checkpoints_proved(start) -> None:
    """Rank 1 waits for a lock and rank 0 for rank 1. Some seconds of silence are no hang yet, so nothing is
    said; what guard says after five minutes is in sample_runs/recorded."""
    training = start(
        "params.fault=hang", "launcher=torchrun", "nproc_per_node=2", "stop.grace=1s", "params.at=60"
    )
    run = training.run
    wait_for_step(run, 59, 90)
    seen = [events(run, file, "metrics") for file in ("events.jsonl", "events.rank1.jsonl")]
    wait_for(lambda: not grows(run, seen), 20, what="silence")
    assert [rows[-1]["step"] for rows in seen] == [59, 59]
    assert show(run)["status"] == "running"

    stopped = guard("stop", str(run), "--now", cwd=training.folder)

    assert stopped.returncode == 5, stopped.stdout + stopped.stderr
    hung = training.ended()
    assert hung.code == 5
    assert hung.raised("hang") == []
    assert hung.shown["status"] == "killed"
    assert hung.shown["checkpoints"]["best"]["verified"] is True
    assert hung.shown["checkpoints"]["last"]["step"] == 44
    assert processes_of(run) == []


def grows(run, seen) -> bool:
    """Whether either rank has said something since the last look, which it renews."""
    before = [len(rows) for rows in seen]
    seen[:] = [events(run, file, "metrics") for file in ("events.jsonl", "events.rank1.jsonl")]
    return before != [len(rows) for rows in seen]
