"""A long log tells where its run stands before it is read; what only the whole log knows is left open."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from guardrun.following import glance as glance_module
from guardrun.following.fleet import Fleet
from guardrun.following.folder_marks import SURE_S, FolderMarks
from guardrun.following.run_follower import RunFollower
from guardrun.state.model import Status
from run_factory import RunWriter


@pytest.fixture
def long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunWriter:
    monkeypatch.setattr(glance_module, "LEAST_BYTES", 50_000)
    monkeypatch.setattr(glance_module, "_SAMPLED_FROM", 100_000)
    monkeypatch.setattr(glance_module, "_PIECE_BYTES", 1_000)
    run = RunWriter(tmp_path / "runs", "long", t=time.time() - 3600)
    run.start(total_steps=4000)
    for _ in range(20):
        run.train(100)
        run.evaluate()
    return run


def test_a_glance_tells_step_status_and_newest_metric_and_no_best(long_run: RunWriter) -> None:
    long_run.end()
    follower = RunFollower(long_run.paths.root, hasty=True)

    seen = follower.state()

    assert not follower.caught_up
    assert (seen.status, seen.step, seen.total_steps, seen.name) == (Status.FINISHED, 2000, 4000, "long")
    assert seen.monitor is not None
    assert seen.monitor.last is not None
    assert seen.monitor.best is None
    follower.catch_up()
    known = follower.state()
    assert known.monitor is not None
    assert (known.step, known.monitor.best_step) == (2000, 2000)


def test_coarse_curves_span_the_whole_run_until_all_is_read(long_run: RunWriter) -> None:
    follower = RunFollower(long_run.paths.root, hasty=True)
    follower.state()

    coarse = follower.curves.get("train/loss")
    follower.catch_up()
    whole = follower.curves.get("train/loss")

    assert follower.curves is follower.series
    assert 100 < len(coarse) < len(whole) == 2000
    assert (coarse.step[0], coarse.step[-1]) == (1, 2000)
    assert (np.diff(coarse.step) > 0).all()
    assert np.isin(coarse.value, whole.value).all()


def test_rows_after_a_resume_belong_to_the_newest_attempt_at_a_glance_too(long_run: RunWriter) -> None:
    long_run.launch(attempt=2)
    long_run.start(attempt=2)
    long_run.event("resume", attempt=2, step=2000)
    long_run.train(300)
    follower = RunFollower(long_run.paths.root, hasty=True)

    seen = follower.state()

    assert (seen.attempt, seen.step) == (2, 2300)


def test_short_logs_and_followers_without_haste_are_read_as_ever(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    run.start()
    run.train(5)
    hasty, patient = RunFollower(run.paths.root, hasty=True), RunFollower(run.paths.root)

    hasty.state()
    hasty.catch_up()
    patient.catch_up()

    assert hasty.state().step == patient.state().step == 5
    assert hasty.curves is hasty.series


def test_runs_that_somebody_sees_are_looked_at_at_once(tmp_path: Path) -> None:
    run = RunWriter(tmp_path, t=time.time() - 600)
    run.start()
    run.end()
    fleet = Fleet([tmp_path])
    fleet.poll(1.0)
    run.event("note", text="later")
    assert fleet.poll() == set()

    fleet.attend([run.paths.root])

    assert fleet.poll() == {run.paths.root}


def test_folders_that_did_not_change_are_not_listed(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "inside"):
        folder.mkdir(exist_ok=True)
    long_ago = time.time() - 60
    os.utime(tmp_path / "inside", (long_ago, long_ago))
    marks = FolderMarks([tmp_path / "inside", tmp_path / "missing"])

    assert [marks.changed(now) for now in (0.0, 1.0, 2.0)] == [True, False, False]
    (tmp_path / "inside" / "new").touch()
    assert marks.changed(3.0)
    os.utime(tmp_path / "inside", (long_ago, long_ago))
    assert [marks.changed(now) for now in (4.0, 5.0, 4.0 + SURE_S)] == [True, False, True]
