"""The pane of checkpoints, over real folders: later damage is named with what takes its place."""

from __future__ import annotations

import os
import time
from contextlib import asynccontextmanager

import pytest

from dashboard_pilot import shows
from guardtui.app import Dashboard
from run_factory import RunWriter


@pytest.fixture
def over(tmp_path):
    """Step 60 is best, step 180 is last, step 120 lies between."""
    writer = RunWriter(tmp_path / "runs", "digits", t=time.time() - 900)
    writer.launch(workdir=str(tmp_path))
    writer.start()
    writer.supervise()
    for roles, metric in ((("best", "last"), 0.1), (("last",), 0.2), (("last",), 0.3)):
        writer.train(60)
        writer.evaluate(**{"val/loss": metric})
        writer.checkpoint(roles=roles, metric=metric)
    for role, step in (("last", 180), ("best", 60)):
        proof = {"role": role, "path": f"checkpoints/step-{step}-a1", "verified": True, "level": "full"}
        writer.event("checkpoint", file="supervisor.jsonl", **proof)
    writer.end("stopped", "stop:watch")
    return writer


def weights(over, step):
    return over.paths.checkpoint(step, 1) / "rank0.pt"


@asynccontextmanager
async def saved_pane(over):
    """The dashboard on the checkpoints of the run."""
    app = Dashboard([over.paths.root.parent])
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "stopped")
        await pilot.press("enter")
        await shows(pilot, "5 saved")
        await pilot.press("5")
        yield pilot


async def test_a_file_that_is_cut_off_is_damage_and_the_one_that_a_resume_takes_is_named(over):
    weights(over, 180).write_bytes(b"cut")
    weights(over, 60).unlink()
    async with saved_pane(over) as pilot:
        await shows(pilot, "✗ damaged: rank0.pt has 3 bytes, expected 7", "a resume goes on from step-120-a1")
        await pilot.press("down", "down")
        await shows(pilot, "rank0.pt is missing", "the best of the others is step-120-a1")


async def test_a_file_that_was_written_later_is_not_called_verified_any_more(over):
    in_a_while = time.time() + 3600
    os.utime(weights(over, 180), (in_a_while, in_a_while))
    async with saved_pane(over) as pilot:
        text = await shows(pilot, "rank0.pt was written after it was complete")
        assert "guard show tells" in text


async def test_with_no_other_whole_one_it_says_so(over):
    for step in (60, 120, 180):
        weights(over, step).write_bytes(b"cut")
    async with saved_pane(over) as pilot:
        await shows(pilot, "no other checkpoint is whole")
