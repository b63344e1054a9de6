"""An empty list of runs: what to do, and a demo by one key."""

from __future__ import annotations

import subprocess
import sys

from dashboard_pilot import shows, until
from guardtui.app import Dashboard


async def test_an_empty_list_offers_the_demo_and_its_run_appears_by_itself(tmp_path, monkeypatch):
    """The real command, which makes a real run; it is stopped as soon as it is listed."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    runs = tmp_path / "runs"
    app = Dashboard([runs])
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "No runs in", "enter  start the demo here")
        await pilot.press("enter", "enter")
        await until(pilot, lambda: app.snapshot.runs, seconds=60)
        (view,) = app.snapshot.runs
        await shows(pilot, "digits")
        done = subprocess.run(
            [sys.executable, "-m", "guardrun.cli.main", "stop", "--now", str(view.path)],
            capture_output=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert len(list(runs.iterdir())) == 1


async def test_who_only_looks_is_offered_no_demo(tmp_path):
    app = Dashboard([tmp_path / "runs"], readonly=True)
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "No runs in", "guard run config.yaml")
        assert "start the demo" not in text
        await pilot.press("enter")
        await pilot.pause(0.2)
    assert not (tmp_path / "runs").exists()
